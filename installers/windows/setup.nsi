; Dewpoint's setup for Windows: for one user, without an administrator. Built by build.py, which defines
; VERSION, PAYLOAD (folder), FILES (a list that it writes), LONGEST (characters of the longest path in the payload),
; NEED_MB, KILOBYTES, COMPRESSION (lzma or zlib), OUT; SIGN (a command, %1 is the file) is optional.
;
; Exit codes (docs/installing.md): 0 done, 1 cancelled, 2 failed, 3 folder in use by something else, 4 path too long, 5 disk full, 6 running.

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
!define PROGRAM "dewpoint.pyw" ; what tells a folder of ours
!define NEW "$INSTDIR\~new" ; see upgrade.nsh
!define OLD "$INSTDIR\~old"
!define ARGUMENTS '-X utf8 "$INSTDIR\dewpoint.pyw"'

Name "${NAME}"
OutFile "${OUT}"
BrandingText "${NAME} ${VERSION}"
InstallDir "$LOCALAPPDATA\Programs\${NAME}"
InstallDirRegKey HKCU "${UNINSTALL_KEY}" "InstallLocation"
AllowSkipFiles off
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
!include folders.nsh
!include upgrade.nsh
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
  ${If} $Upgrade == 1
    Call Recover
    SetOutPath "${NEW}"
  ${Else}
    SetOutPath "$INSTDIR"
    File "${PAYLOAD}\${PROGRAM}"
    WriteUninstaller "$INSTDIR\uninstall.exe" ; early: a setup that was cut off can be removed, or run again
  ${EndIf}
  ClearErrors
  File /r "${PAYLOAD}\*"
  ${If} ${Errors}
    Abort
  ${EndIf}
  ${If} $Upgrade == 1
    Call CompleteNew
    Call Exchange
  ${EndIf}

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
  ${If} $Upgrade == 1
    DetailPrint "Removing the files of the replaced version ..."
    Call Settle
  ${EndIf}
SectionEnd

Function .onInstFailed
  ; A file could not be written ($Code is 0; else it was said already). Nothing half-installed stays.
  SetOutPath "$TEMP"
  ${If} $Code == 0
    ${If} $Upgrade == 1
      Push "${NEW}"
      Call RemoveTree
      StrCpy $Problem "The new version could not be unpacked; the installed one stays as it was."
    ${Else}
      !insertmacro RemoveFiles
      Delete "$INSTDIR\uninstall.exe"
      RMDir "$INSTDIR"
      StrCpy $Problem "${NAME} could not be unpacked; nothing of it stays."
    ${EndIf}
    MessageBox MB_OK|MB_ICONSTOP "$Problem" /SD IDOK
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
  Call un.Settle
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Push "$LOCALAPPDATA\Programs"
  Call un.RemoveIfEmpty
  Delete "$SMPROGRAMS\${NAME}.lnk"
  Delete "$DESKTOP\${NAME}.lnk"
  DeleteRegKey HKCU "${UNINSTALL_KEY}"
  Call un.Purge
SectionEnd
