; Folders moved and removed, for setup and uninstaller. A link to a folder (junction) counts as a file: nothing looks behind it.

Var Stuck ; a path that could not be moved, empty if all went well

!define IS_FOLDER 0x10
!define IS_FOLDER_OR_LINK 0x410

!macro FolderFunctions prefix
; Removes a file, or a folder with all in it; of a link the link alone. In: its path on the stack.
Function ${prefix}RemoveTree
  Exch $0
  Push $1
  Push $2
  System::Call 'kernel32::GetFileAttributesW(w r0) i .r1'
  ${If} $1 != -1
    IntOp $1 $1 & ${IS_FOLDER_OR_LINK}
    IntOp $2 $1 & ${IS_FOLDER}
    ${If} $2 = 0
      Delete "$0"
    ${Else}
      ${If} $1 = ${IS_FOLDER}
        FindFirst $1 $2 "$0\*"
        ${DoUntil} $2 == ""
          ${If} $2 != "."
          ${AndIf} $2 != ".."
            Push "$0\$2"
            Call ${prefix}RemoveTree
          ${EndIf}
          FindNext $1 $2
        ${Loop}
        FindClose $1
      ${EndIf}
      RMDir "$0"
    ${EndIf}
  ${EndIf}
  Pop $2
  Pop $1
  Pop $0
FunctionEnd

; Moves all that lies in a folder into another one, except what steers an upgrade; what is in the way there stays where it is.
; In: both folders, the new one on top of the stack. Out: $Stuck. Tries for 3 seconds: virus scanners look into new files.
Function ${prefix}MoveAll
  Exch $1
  Exch
  Exch $0
  Push $2
  Push $3
  Push $4
  FindFirst $2 $3 "$0\*"
  ${DoUntil} $3 == ""
    StrCpy $4 "$0\$3"
    ${If} $3 != "."
    ${AndIf} $3 != ".."
    ${AndIf} $4 != "${NEW}"
    ${AndIf} $4 != "${OLD}"
    ${AndIf} $4 != "${NEW}\uninstall.exe"
    ${AndIf} $4 != "${OLD}\uninstall.exe"
    ${AndIf} $4 != "$INSTDIR\uninstall.exe"
      Push $4
      Push "$1\$3"
      Call ${prefix}Move
      ${IfThen} $Stuck != "" ${|} ${Break} ${|}
    ${EndIf}
    FindNext $2 $3
  ${Loop}
  FindClose $2
  ClearErrors
  Pop $4
  Pop $3
  Pop $2
  Pop $0
  Pop $1
FunctionEnd

; Moves one file or folder; a folder into one that is there. In: both paths, the new one on top of the stack. Out: $Stuck.
Function ${prefix}Move
  Exch $1
  Exch
  Exch $0
  Push $2
  Push $3
  System::Call 'kernel32::GetFileAttributesW(w r1) i .r3'
  ${If} $3 == -1
    ${For} $2 1 12
      StrCpy $Stuck ""
      ClearErrors
      Rename "$0" "$1"
      ${IfNot} ${Errors}
        ${Break}
      ${EndIf}
      StrCpy $Stuck $0
      Sleep 250
    ${Next}
  ${Else}
    System::Call 'kernel32::GetFileAttributesW(w r0) i .r2'
    IntOp $2 $2 & ${IS_FOLDER_OR_LINK}
    IntOp $3 $3 & ${IS_FOLDER_OR_LINK}
    ${If} $2 = ${IS_FOLDER}
    ${AndIf} $3 = ${IS_FOLDER}
      Push $0
      Push $1
      Call ${prefix}MoveAll
      RMDir "$0"
    ${EndIf}
  ${EndIf}
  Pop $3
  Pop $2
  Pop $0
  Pop $1
FunctionEnd
!macroend
!insertmacro FolderFunctions ""
!insertmacro FolderFunctions "un."
