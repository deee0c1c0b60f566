/* What leaves the library, by name; Python's side is inference/native/library.py. */
#ifndef DEWPOINT_LIBRARY_H
#define DEWPOINT_LIBRARY_H

#include "native.h"

#ifdef _WIN32
#define DP_EXPORT __declspec(dllexport)
#else
#define DP_EXPORT __attribute__((visibility("default")))
#endif

#endif
