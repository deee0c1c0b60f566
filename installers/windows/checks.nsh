; What is looked at before the first byte is written. Check sets $Code, $Problem and $Upgrade.

!macro FindRunning prefix
; Windows lets nobody write to a program that runs. Waits 3 seconds for one that is just ending.
Function ${prefix}FindRunning
  Push $0
  Push $1
  Push $2
  StrCpy $Code 0
  StrCpy $Problem ""
  ${ForEach} $1 1 10 + 1
    StrCpy $Code 0
    ${For} $2 0 1
      StrCpy $0 "$INSTDIR\python\pythonw.exe"
      ${IfThen} $2 == 1 ${|} StrCpy $0 "$INSTDIR\python\python.exe" ${|}
      ${If} ${FileExists} "$0"
        ClearErrors
        FileOpen $0 "$0" a
        ${If} ${Errors}
          StrCpy $Code 6
        ${Else}
          FileClose $0
        ${EndIf}
      ${EndIf}
    ${Next}
    ${If} $Code == 0
      ${Break}
    ${EndIf}
    Sleep 300
  ${Next}
  ${If} $Code == 6
    StrCpy $Problem "${NAME} is running. Please close its window, then press Retry."
  ${EndIf}
  ClearErrors
  Pop $2
  Pop $1
  Pop $0
FunctionEnd
!macroend
!insertmacro FindRunning ""
!insertmacro FindRunning "un."

Function Check
  Push $0
  Push $1
  Push $2
  StrCpy $Upgrade 0
  ${IfThen} ${FileExists} "$INSTDIR\uninstall.exe" ${|} StrCpy $Upgrade 1 ${|}
  Call FindRunning
  ${If} $Code == 0
  ${AndIf} ${Silent}
    Call CheckGivenFolder
  ${EndIf}
  ${If} $Code == 0
    Call CheckFolder
  ${EndIf}
  ${If} $Code == 0
    Call CheckSpace
  ${EndIf}
  Pop $2
  Pop $1
  Pop $0
FunctionEnd

; NSIS takes the usual folder where it cannot use the one after /D=: in quotes, or on a drive that is not there.
Function CheckGivenFolder
  System::Call 'kernel32::GetCommandLineW() t .r2' ; in $CMDLINE, /D= is cut off
  StrCpy $1 0
  StrCpy $0 "-"
  ${DoUntil} $0 == ""
    StrCpy $0 $2 3 $1
    IntOp $1 $1 + 1
    ${If} $0 == "/D="
      IntOp $1 $1 + 2
      StrCpy $0 $2 "" $1
      StrCpy $1 $0 1 -1
      ${IfThen} $1 == "\" ${|} StrCpy $0 $0 -1 ${|}
      ${If} $0 != $INSTDIR
        StrCpy $Code 3
        StrCpy $Problem "The folder after /D= cannot be used: no quotes there, please, and a drive that exists."
      ${EndIf}
      Return
    ${EndIf}
  ${Loop}
FunctionEnd

; An empty folder, one that is not there yet, or one with Dewpoint in it; and short enough for Windows' 259 characters.
Function CheckFolder
  StrLen $0 "$INSTDIR"
  IntOp $0 $0 + ${LONGEST}
  ${If} $0 > 258
    StrCpy $Code 4
    StrCpy $Problem "The path of this folder is too long for Windows. Please choose a shorter one."
    Return
  ${EndIf}
  ${If} $INSTDIR == "$LOCALAPPDATA\${NAME}"
    StrCpy $Code 3
    StrCpy $Problem "Chats and models lie in this folder. Please choose another one for the program."
    Return
  ${EndIf}
  ${If} $Upgrade == 0
  ${AndIf} ${FileExists} "$INSTDIR\*.*"
    ${DirState} "$INSTDIR" $0
    ${If} $0 == 1
      StrCpy $Code 3
      StrCpy $Problem "There are other files in this folder. Please choose an empty one, or a new one."
    ${EndIf}
  ${EndIf}
FunctionEnd

; Asks the nearest folder that exists, so that a drive mounted into a folder is seen, too.
Function CheckSpace
  StrCpy $0 "$INSTDIR"
  ${DoUntil} ${FileExists} "$0\*.*"
    ${GetParent} "$0" $1
    ${If} $1 == ""
      ${Break}
    ${EndIf}
    StrCpy $0 $1
  ${Loop}
  System::Call 'kernel32::GetDiskFreeSpaceExW(w "$0\", *l .r1, *l .r2, *l .r3) i .r4'
  ${If} $4 == 0
    StrCpy $Code 3
    StrCpy $Problem "Windows cannot use this folder. Please choose another one."
    Return
  ${EndIf}
  System::Int64Op $1 / 1048576
  Pop $1
  ${If} $1 < ${NEED_MB}
    StrCpy $Code 5
    StrCpy $Problem "${NAME} needs ${NEED_MB} MB there, and $1 MB are free. Please make room, or choose another drive."
  ${EndIf}
FunctionEnd
