/* TEST ONLY: a stand-in for the ICU of Windows 10 that Qt6Core asks for and Wine lacks. It never ships.
 * Qt then has no converters but its own (UTF-8, UTF-16, UTF-32, Latin 1), which are all that Dewpoint uses. */
#define EXPORT __declspec(dllexport)
#define U_UNSUPPORTED_ERROR 16
#define FAILS(name) EXPORT int name(void) { return 0; }

EXPORT void *ucnv_open(const char *name, int *error) {
    (void)name;
    if (error) *error = U_UNSUPPORTED_ERROR;
    return 0;
}
FAILS(UCNV_FROM_U_CALLBACK_SUBSTITUTE)
FAILS(UCNV_TO_U_CALLBACK_SUBSTITUTE)
FAILS(ucnv_cbFromUWriteUChars)
FAILS(ucnv_cbToUWriteUChars)
FAILS(ucnv_close)
FAILS(ucnv_countAvailable)
FAILS(ucnv_fromUCountPending)
FAILS(ucnv_fromUnicode)
FAILS(ucnv_getAvailableName)
FAILS(ucnv_getFromUCallBack)
FAILS(ucnv_getMaxCharSize)
FAILS(ucnv_getName)
FAILS(ucnv_getStandardName)
FAILS(ucnv_getToUCallBack)
FAILS(ucnv_reset)
FAILS(ucnv_setFromUCallBack)
FAILS(ucnv_setToUCallBack)
FAILS(ucnv_toUCountPending)
FAILS(ucnv_toUnicode)
