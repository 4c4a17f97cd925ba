// iml_version.h: the version of the program and the library. CMakeLists.txt reads it from here.
#ifndef IML_VERSION_H
#define IML_VERSION_H

#define IML_VERSION_MAJOR 0
#define IML_VERSION_MINOR 1
#define IML_VERSION_PATCH 0
#define IML_VERSION "0.1.0"

#endif
