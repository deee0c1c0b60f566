; Dewpoint's setup for Windows: for one user, without an administrator. Built by build.py, which defines
; VERSION, PAYLOAD (folder), FILES (a list that it writes), LONGEST (characters of the longest path in the payload),
; NEED_MB, KILOBYTES, COMPRESSION (lzma or zlib), OUT; SIGN (a command, %1 is the file) is optional.
;
; Exit codes (README): 0 done, 1 cancelled, 2 failed, 3 folder in use by something else, 4 path too long, 5 disk full, 6 running.

Unicode true
Target amd64-unicode
ManifestDPIAware true
ManifestSupportedOS all
RequestExecutionLevel user
!if ${COMPRESSION} == lzma
  SetCompressor /SOLID lzma
  SetCompressorDictSize 64
!else
  SetCompressor zlib
!endif

!include MUI2.nsh
!include LogicLib.nsh
!include FileFunc.nsh
!include nsDialogs.nsh

!define NAME "Dewpoint"
!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\${NAME}"
!define ARGUMENTS '-X utf8 "$INSTDIR\dewpoint.pyw"'

Name "${NAME}"
OutFile "${OUT}"
BrandingText "${NAME} ${VERSION}"
InstallDir "$LOCALAPPDATA\Programs\${NAME}"
InstallDirRegKey HKCU "${UNINSTALL_KEY}" "InstallLocation"
ShowInstDetails nevershow
ShowUninstDetails nevershow
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "${NAME}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "${NAME} setup"
VIAddVersionKey "LegalCopyright" "Apache-2.0"
!ifdef SIGN
  !finalize '${SIGN}'
  !uninstfinalize '${SIGN}'
!endif

Var Upgrade ; 1 if there is a Dewpoint in the folder
Var Code    ; exit code of what Check found, 0 if all is well
Var Problem ; and its sentence

!include "${FILES}" ; macro RemoveFiles
!include checks.nsh
!include purge.nsh

!define MUI_ICON dewpoint.ico
!define MUI_UNICON dewpoint.ico
!define MUI_WELCOMEFINISHPAGE_BITMAP banner.bmp
!define MUI_UNWELCOMEFINISHPAGE_BITMAP banner.bmp
!define MUI_WELCOMEPAGE_TITLE "${NAME} ${VERSION}"
!define MUI_WELCOMEPAGE_TEXT "Text condenses out of noise: a chat with a language model on your own computer, without a \
cloud or an account.$\r$\n$\r$\n${NAME} is installed for you alone; no administrator is needed. An installed version is replaced, \
and your chats, models and settings stay as they are.$\r$\n$\r$\nLicence: Apache-2.0. The licences of all parts lie in the \
folder licences."
!define MUI_ABORTWARNING
!insertmacro MUI_PAGE_WELCOME
!define MUI_PAGE_CUSTOMFUNCTION_LEAVE LeaveDirectory
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!define MUI_FINISHPAGE_RUN "$INSTDIR\python\pythonw.exe"
!define MUI_FINISHPAGE_RUN_PARAMETERS '-X utf8 $\"$INSTDIR\dewpoint.pyw$\"'
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
UninstPage custom un.DataPage un.LeaveDataPage
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE English

Function .onInit
  SetShellVarContext current
  ${If} ${Silent}
    Call Check
    ${If} $Code != 0
      SetErrorLevel $Code
      Quit
    ${EndIf}
  ${EndIf}
FunctionEnd

Function LeaveDirectory
  again:
  Call Check
  ${If} $Code == 6
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$Problem" IDRETRY again
    Abort
  ${ElseIf} $Code != 0
    MessageBox MB_OK|MB_ICONEXCLAMATION "$Problem"
    Abort
  ${EndIf}
FunctionEnd

Section "${NAME}"
  SectionIn RO
  ; What the installed version wrote goes first; its uninstaller knows that best. Chats, models and settings lie elsewhere.
  ${If} $Upgrade == 1
    DetailPrint "Removing the files of the installed version ..."
    ExecWait '"$INSTDIR\uninstall.exe" /S /UPGRADE=1 _?=$INSTDIR' $0
    ${If} $0 != 0
      SetErrorLevel $0
      Abort "The installed version could not be replaced."
    ${EndIf}
  ${EndIf}
  SetOutPath "$INSTDIR"
  WriteUninstaller "$INSTDIR\uninstall.exe" ; first: a setup that was cut off can be removed, or run again
  File /r "${PAYLOAD}\*"

  SetOutPath "$PROFILE" ; where the program starts, so that its own folder is not in use
  CreateShortcut "$SMPROGRAMS\${NAME}.lnk" "$INSTDIR\python\pythonw.exe" '${ARGUMENTS}' "$INSTDIR\dewpoint.ico"
  ${If} $Upgrade == 0
  ${OrIf} ${FileExists} "$DESKTOP\${NAME}.lnk"
    CreateShortcut "$DESKTOP\${NAME}.lnk" "$INSTDIR\python\pythonw.exe" '${ARGUMENTS}' "$INSTDIR\dewpoint.ico"
  ${EndIf}
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayName" "${NAME}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "DisplayIcon" "$INSTDIR\dewpoint.ico"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "Publisher" "The Dewpoint project"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "EstimatedSize" ${KILOBYTES}
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL_KEY}" "NoRepair" 1
SectionEnd

Function .onInstFailed
  ; A file could not be written. Nothing half-installed stays, unless an installed version refused to go.
  SetOutPath "$TEMP"
  ${If} ${FileExists} "$INSTDIR\uninstall.exe"
  ${AndIf} $Code == 0
    !insertmacro RemoveFiles
    Delete "$INSTDIR\uninstall.exe"
    RMDir "$INSTDIR"
  ${EndIf}
FunctionEnd

Function un.onInit
  SetShellVarContext current
  Call un.ReadOptions
  again:
  Call un.FindRunning
  ${If} $Code == 6
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$Problem" /SD IDCANCEL IDRETRY again
    SetErrorLevel 6
    Quit
  ${EndIf}
FunctionEnd

Section "un.${NAME}"
  SetOutPath "$TEMP"
  !insertmacro RemoveFiles
  ${If} $Upgrade == 1
    Return
  ${EndIf}
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  RMDir "$LOCALAPPDATA\Programs" ; goes only if it is empty
  Delete "$SMPROGRAMS\${NAME}.lnk"
  Delete "$DESKTOP\${NAME}.lnk"
  DeleteRegKey HKCU "${UNINSTALL_KEY}"
  Call un.Purge
SectionEnd
