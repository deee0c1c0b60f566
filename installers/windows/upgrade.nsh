; How an installed version is replaced, so that a setup that fails or is cut off leaves a program that works:
;   1. The new version is unpacked into ~new, its uninstaller last: with that, ~new is whole.
;   2. The old version moves into ~old, beginning with a copy of its uninstaller. One of its files is in use: all moves back.
;   3. The new uninstaller takes the place of the old one.
;   4. The new version moves into its place. From 2 to here it takes a moment and no room.
;   5. ~old's uninstaller removes the old version's files there; what others put beside them moves back.
; A setup that was cut off in 2 is undone by the next one, and one that was cut off in 3 to 5 is brought to its end. At every
; moment, uninstall.exe and ~old\uninstall.exe know between them all files that lie outside ~new.

!define COPY "${NEW}\~uninstall.exe" ; the copy of the old uninstaller, until 2

!macro Settle prefix
; Removes ~new and ~old. What is in use in ~old stays, with its uninstaller, for the next setup or uninstaller.
Function ${prefix}Settle
  Push $0
  Push "${NEW}"
  Call ${prefix}RemoveTree
  ${If} ${FileExists} "${OLD}\*.*"
    StrCpy $0 0
    ${If} ${FileExists} "${OLD}\uninstall.exe"
      ExecWait '"${OLD}\uninstall.exe" /S /UPGRADE=1 _?=${OLD}' $0
    ${EndIf}
    StrCpy $Stuck ""
    ${If} $0 != 6
      Push "${OLD}"
      Push "$INSTDIR"
      Call ${prefix}MoveAll
      ${If} $Stuck == ""
        Push "${OLD}"
        Call ${prefix}RemoveTree
      ${EndIf}
    ${EndIf}
  ${EndIf}
  ClearErrors
  Pop $0
FunctionEnd
!macroend
!insertmacro Settle ""
!insertmacro Settle "un."

; Ends a setup with $Code and $Problem.
Function Fail
  MessageBox MB_OK|MB_ICONSTOP "$Problem" /SD IDOK
  SetErrorLevel $Code
  Abort "$Problem"
FunctionEnd

; Before 1: whatever a setup that was cut off has left.
Function Recover
  StrCpy $Stuck ""
  ${If} ${FileExists} "${OLD}\*.*"
    ${If} ${FileExists} "${NEW}\uninstall.exe"
      Call Restore
    ${Else}
      Push "${NEW}"
      Push "$INSTDIR"
      Call MoveAll
    ${EndIf}
  ${EndIf}
  ${IfThen} $Stuck == "" ${|} Call Settle ${|}
  ${If} ${FileExists} "${OLD}\*.*"
  ${OrIf} ${FileExists} "${NEW}\*.*"
    StrCpy $Code 3
    StrCpy $Problem "Files of an earlier setup are in use by another program. Please restart Windows, then run this setup again."
    Call Fail
  ${EndIf}
FunctionEnd

; The way back from 2. Out: $Stuck.
Function Restore
  StrCpy $Stuck ""
  Push "${OLD}"
  Push "$INSTDIR"
  Call MoveAll
  ${If} $Stuck == ""
    ${If} ${FileExists} "${OLD}\uninstall.exe"
      Push "${OLD}\uninstall.exe"
      Call TakeUninstaller
    ${EndIf}
    RMDir "${OLD}"
  ${EndIf}
FunctionEnd

; Puts another uninstaller in the place of the one there, so that there always is one. In: its path on the stack. Out: $Stuck.
Function TakeUninstaller
  Exch $0
  Push $1
  System::Call 'kernel32::MoveFileExW(w r0, w "$INSTDIR\uninstall.exe", i 9) i .r1' ; replace; return when it is on the disk
  ${IfThen} $1 == 0 ${|} StrCpy $Stuck "$INSTDIR\uninstall.exe" ${|}
  Pop $1
  Pop $0
FunctionEnd

; The end of 1.
Function CompleteNew
  SetOutPath "$TEMP" ; a folder that is somebody's current one cannot be moved
  System::Call 'kernel32::CopyFileW(w "$INSTDIR\uninstall.exe", w "${COPY}", i 0) i .r0'
  ${If} $0 == 0
    Abort
  ${EndIf}
  ClearErrors
  WriteUninstaller "${NEW}\uninstall.exe"
  ${If} ${Errors}
    Abort
  ${EndIf}
FunctionEnd

; 2 to 4, or all the way back and the end.
Function Exchange
  again:
  Call FindRunning
  ${If} $Code == 6
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$Problem" /SD IDCANCEL IDRETRY again
    StrCpy $Problem "${NAME} is running, so that the installed version stays."
    Push "${NEW}"
    Call RemoveTree
    Call Fail
  ${EndIf}
  StrCpy $Stuck ""
  CreateDirectory "${OLD}"
  Push "${COPY}"
  Push "${OLD}\uninstall.exe"
  Call Move
  ${If} $Stuck == ""
    Push "$INSTDIR"
    Push "${OLD}"
    Call MoveAll
  ${EndIf}
  ${If} $Stuck == ""
    Push "${NEW}\uninstall.exe"
    Call TakeUninstaller
  ${EndIf}
  ${If} $Stuck != ""
    Call ExchangeBack
  ${EndIf}
  Push "${NEW}"
  Push "$INSTDIR"
  Call MoveAll
  ${If} $Stuck != ""
    Call BackToTwo
    Call ExchangeBack
  ${EndIf}
  RMDir "${NEW}"
FunctionEnd

; The way back from 4. If that is closed, too, the next setup goes on from here.
Function BackToTwo
  StrCpy $0 $Stuck
  StrCpy $Stuck ""
  Push "$INSTDIR"
  Push "${NEW}"
  Call MoveAll
  ${If} $Stuck != ""
    StrCpy $Code 3
    StrCpy $Problem "$Stuck is in use by another program. Please close that program, then run this setup again."
    Call Fail
  ${EndIf}
  StrCpy $Stuck $0
  System::Call 'kernel32::CopyFileW(w "$INSTDIR\uninstall.exe", w "${NEW}\uninstall.exe", i 0)'
FunctionEnd

; The way back from 2, and the end.
Function ExchangeBack
  StrCpy $Code 3
  StrCpy $Problem "$Stuck is in use by another program, so that the installed version stays. Please close that program, \
then run this setup again."
  Call Restore
  ${If} $Stuck == ""
    Push "${NEW}"
    Call RemoveTree
  ${EndIf}
  Call Fail
FunctionEnd
