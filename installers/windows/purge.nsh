; What the user made and fetched: %LOCALAPPDATA%\Dewpoint. Uninstalling keeps it unless its user says otherwise.
; Of the chats are chats*, recordings*, settings* and the folders backups, files (what was attached) and logs; all else there (models,
; engines, graphs, add-ons) can be fetched or made anew.

Var PurgeChats
Var PurgeModels
Var ChatsBox
Var ModelsBox

!define DATA "$LOCALAPPDATA\${NAME}"

; /PURGE=chats or /PURGE=models: they go, too; /PURGE=1: both do. /UPGRADE=1: a newer setup calls.
Function un.ReadOptions
  StrCpy $Upgrade 0
  StrCpy $PurgeChats 0
  StrCpy $PurgeModels 0
  ${GetParameters} $0
  ClearErrors
  ${GetOptions} $0 "/UPGRADE=" $1
  ${IfNot} ${Errors}
  ${AndIf} $1 == 1
    StrCpy $Upgrade 1
  ${EndIf}
  ClearErrors
  ${GetOptions} $0 "/PURGE=" $1
  ${IfThen} ${Errors} ${|} StrCpy $1 "" ${|}
  ${If} $1 == 1
  ${OrIf} $1 == "chats"
    StrCpy $PurgeChats 1
  ${EndIf}
  ${If} $1 == 1
  ${OrIf} $1 == "models"
    StrCpy $PurgeModels 1
  ${EndIf}
  ClearErrors
FunctionEnd

; In: a number of kilobytes on the stack. Out: that in words.
Function un.SizeText
  Exch $0
  Push $1
  ${If} $0 < 1024
    StrCpy $0 "under 1 MB"
  ${ElseIf} $0 < 1048576
    IntOp $0 $0 / 1024
    StrCpy $0 "$0 MB"
  ${Else}
    IntOp $1 $0 / 104858
    IntOp $0 $1 / 10
    IntOp $1 $1 % 10
    StrCpy $0 "$0.$1 GB"
  ${EndIf}
  Pop $1
  Exch $0
FunctionEnd

; Adds to $1 the kilobytes of a folder of the chats.
!macro AddSize FOLDER
  ${If} ${FileExists} "${DATA}\${FOLDER}\*.*"
    ${GetSize} "${DATA}\${FOLDER}" "/S=0K" $5 $8 $9
    IntOp $1 $1 + $5
  ${EndIf}
!macroend

; $1: kilobytes of the chats and what belongs to them; $2: of everything.
Function un.Measure
  ${GetSize} "${DATA}" "/S=0K" $2 $8 $9
  ${GetSize} "${DATA}" "/M=chats* /S=0K /G=0" $1 $8 $9
  ${GetSize} "${DATA}" "/M=recordings* /S=0K /G=0" $5 $8 $9
  IntOp $1 $1 + $5
  !insertmacro AddSize "backups"
  !insertmacro AddSize "files"
  !insertmacro AddSize "logs"
FunctionEnd

Function un.DataPage
  ${IfNot} ${FileExists} "${DATA}\*.*"
    Abort
  ${EndIf}
  !insertmacro MUI_HEADER_TEXT "Your chats and models" "They stay on this computer unless you choose otherwise."
  Call un.Measure
  IntOp $2 $2 - $1
  Push $1
  Call un.SizeText
  Pop $1
  Push $2
  Call un.SizeText
  Pop $2
  nsDialogs::Create 1018
  Pop $0
  ${NSD_CreateLabel} 0 0 100% 24u "They lie in ${DATA}, and a later ${NAME} finds them there again."
  Pop $0
  ${NSD_CreateCheckbox} 0 32u 100% 12u "Also delete my &chats and settings ($1)"
  Pop $ChatsBox
  ${NSD_CreateCheckbox} 0 48u 100% 12u "Also delete downloaded &models and what was made from them ($2)"
  Pop $ModelsBox
  nsDialogs::Show
FunctionEnd

Function un.LeaveDataPage
  ${NSD_GetState} $ChatsBox $PurgeChats
  ${NSD_GetState} $ModelsBox $PurgeModels
FunctionEnd

; Removes a folder that is empty. RMDir alone would also remove a link to one that is not. In: the folder, on the stack.
Function un.RemoveIfEmpty
  Exch $0
  Push $1
  ${DirState} "$0" $1
  ${IfThen} $1 == 0 ${|} RMDir "$0" ${|}
  Pop $1
  Pop $0
FunctionEnd

; In $1: a name in the data folder. Out in $R0: 1 if it is of the chats or the settings, else 0.
Function un.IsOfChats
  StrCpy $R0 0
  StrCpy $2 $1 5
  ${IfThen} $2 == "chats" ${|} StrCpy $R0 1 ${|}
  StrCpy $2 $1 8
  ${IfThen} $2 == "settings" ${|} StrCpy $R0 1 ${|}
  StrCpy $2 $1 10
  ${IfThen} $2 == "recordings" ${|} StrCpy $R0 1 ${|}
  ${If} $1 == "backups"
  ${OrIf} $1 == "files"
  ${OrIf} $1 == "logs"
    StrCpy $R0 1
  ${EndIf}
FunctionEnd

; Of what the user moved elsewhere and put a link (junction) in its place, the link goes, and what it leads to stays.
Function un.Purge
  FindFirst $0 $1 "${DATA}\*"
  ${DoUntil} $1 == ""
    ${If} $1 != "."
    ${AndIf} $1 != ".."
      Call un.IsOfChats
      StrCpy $3 $PurgeModels
      ${IfThen} $R0 == 1 ${|} StrCpy $3 $PurgeChats ${|}
      ${If} $3 == 1
        Push "${DATA}\$1"
        Call un.RemoveTree
      ${EndIf}
    ${EndIf}
    FindNext $0 $1
  ${Loop}
  FindClose $0
  Push "${DATA}"
  Call un.RemoveIfEmpty
FunctionEnd
