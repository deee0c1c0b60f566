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
  Call FindInstalled
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
  ${If} $Code == 0
  ${AndIf} $Upgrade == 1
    Call FindLocked
  ${EndIf}
  Pop $2
  Pop $1
  Pop $0
FunctionEnd

; Whether there is a Dewpoint in the folder, perhaps one that a setup left half: many programs have an uninstall.exe.
Function FindInstalled
  StrCpy $Upgrade 0
  ${If} ${FileExists} "$INSTDIR\uninstall.exe"
    ${If} ${FileExists} "$INSTDIR\${PROGRAM}"
    ${OrIf} ${FileExists} "${NEW}\${PROGRAM}"
    ${OrIf} ${FileExists} "${OLD}\${PROGRAM}"
      StrCpy $Upgrade 1
    ${EndIf}
  ${EndIf}
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

; A program or library of the installed version that another program runs cannot be replaced. Those that are open in another
; way are met when all of them are moved (upgrade.nsh).
Function FindLocked
  ${Locate} "$INSTDIR" "/L=F" "IsLocked"
  ClearErrors
FunctionEnd

; Called for each file, $R9. One that is marked as read-only cannot be opened either, but is not locked.
Function IsLocked
  StrCpy $R0 $R9 "" -4
  ${If} $R0 == ".dll"
  ${OrIf} $R0 == ".pyd"
  ${OrIf} $R0 == ".exe"
    ClearErrors
    FileOpen $R0 "$R9" a
    ${If} ${Errors}
      System::Call 'kernel32::GetFileAttributesW(w R9) i .R0'
      IntOp $R0 $R0 & 1
      ${If} $R0 = 1
        Push ""
        Return
      ${EndIf}
      StrCpy $Code 3
      StrCpy $Problem "$R9 is in use by another program. Please close that program, then try again."
      Push "StopLocate"
      Return
    ${EndIf}
    FileClose $R0
  ${EndIf}
  Push ""
FunctionEnd

; An empty folder, one that is not there yet, or one with Dewpoint in it (a setup that was cut off at its very beginning has left
; its first file there, and nothing else); and short enough for Windows' 259 characters, also
; in ~new, where this version's upgrade will be unpacked.
Function CheckFolder
  StrLen $0 "$INSTDIR\~new"
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
    ${AndIfNot} ${FileExists} "$INSTDIR\${PROGRAM}"
      StrCpy $Code 3
      StrCpy $Problem "There are other files in this folder. Please choose an empty one, or a new one."
    ${EndIf}
  ${EndIf}
FunctionEnd

; Asks the nearest folder that exists, so that a drive mounted into a folder is seen, too. An upgrade needs as much as a first
; installation: the installed version stays until the new one lies beside it. What a setup that was cut off left goes first.
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
  ${If} ${FileExists} "${NEW}\*.*"
    ${GetSize} "${NEW}" "/S=0M" $2 $3 $4
    IntOp $1 $1 + $2
  ${EndIf}
  ${If} $1 < ${NEED_MB}
    StrCpy $Code 5
    StrCpy $Problem "${NAME} needs ${NEED_MB} MB there, and $1 MB are free. Please make room, or choose another drive."
  ${EndIf}
FunctionEnd
