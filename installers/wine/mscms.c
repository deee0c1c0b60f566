/* TEST ONLY: a stand-in for the colour management that Qt's window plugin asks for and Wine lacks. It never ships.
 * Every call fails; Qt then takes the screen for an sRGB one. */
#define EXPORT __declspec(dllexport)
#define FAILS(name) EXPORT void *name(void) { return 0; }

FAILS(WcsCreateIccProfile)
FAILS(WcsGetDefaultColorProfile)
FAILS(WcsOpenColorProfileA)
FAILS(WcsOpenColorProfileW)
FAILS(OpenColorProfileA)
FAILS(OpenColorProfileW)
FAILS(CloseColorProfile)
FAILS(GetColorDirectoryA)
FAILS(GetColorDirectoryW)
FAILS(GetColorProfileFromHandle)
FAILS(GetStandardColorSpaceProfileA)
FAILS(GetStandardColorSpaceProfileW)
