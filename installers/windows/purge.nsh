; What the user made and fetched: %LOCALAPPDATA%\Dewpoint. Uninstalling keeps it unless its user says otherwise.
; Chats are chats*, settings*, backups and logs; all else there (models, engines, graphs, add-ons) can be fetched or made anew.

Var PurgeChats
Var PurgeModels
Var ChatsBox
Var ModelsBox

!define DATA "$LOCALAPPDATA\${NAME}"

; /PURGE=1: chats and models go, too. /UPGRADE=1: a newer setup calls.
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
  ${IfNot} ${Errors}
  ${AndIf} $1 == 1
    StrCpy $PurgeChats 1
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

; $1: kilobytes of the chats and what belongs to them; $2: of everything.
Function un.Measure
  ${GetSize} "${DATA}" "/S=0K" $2 $8 $9
  ${GetSize} "${DATA}" "/M=chats* /S=0K /G=0" $1 $8 $9
  ${ForEach} $3 1 2 + 1
    StrCpy $4 "${DATA}\backups"
    ${IfThen} $3 == 2 ${|} StrCpy $4 "${DATA}\logs" ${|}
    ${If} ${FileExists} "$4\*.*"
      ${GetSize} "$4" "/S=0K" $5 $8 $9
      IntOp $1 $1 + $5
    ${EndIf}
  ${Next}
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

; Of what the user moved elsewhere and put a link (junction) in its place, the link goes, and what it leads to stays.
Function un.Purge
  ${If} $PurgeChats == 1
    Delete "${DATA}\chats*"
    Delete "${DATA}\settings*"
    Push "${DATA}\backups"
    Call un.RemoveTree
    Push "${DATA}\logs"
    Call un.RemoveTree
  ${EndIf}
  ${If} $PurgeModels == 1
    FindFirst $0 $1 "${DATA}\*"
    ${DoUntil} $1 == ""
      StrCpy $2 $1 5
      StrCpy $3 $1 8
      ${If} $1 != "."
      ${AndIf} $1 != ".."
      ${AndIf} $1 != "backups"
      ${AndIf} $1 != "logs"
      ${AndIf} $2 != "chats"
      ${AndIf} $3 != "settings"
        Push "${DATA}\$1"
        Call un.RemoveTree
      ${EndIf}
      FindNext $0 $1
    ${Loop}
    FindClose $0
  ${EndIf}
  Push "${DATA}"
  Call un.RemoveIfEmpty
FunctionEnd
