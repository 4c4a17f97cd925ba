# Library, program, headers, pkg-config and CMake packages; man pages and completion are made by
# the program itself from its option tables.
include(CMakePackageConfigHelpers)

install(TARGETS imloom_static EXPORT imloom-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS imloom_shared EXPORT imloom-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS imloom RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/imloom DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# What a static consumer links besides, as pkg-config modules and plain flags.
set(modules yaml-0.1 libxxhash libcrypto libdeflate zlib libjpeg libpng freetype2 harfbuzz fribidi libutf8proc)
foreach(pair IML_FONTCONFIG:fontconfig IML_LIBTHAI:libthai IML_WEBP:libwebp IML_ISAL:libisal)
    string(REPLACE ":" ";" pair ${pair})
    list(GET pair 0 option)
    list(GET pair 1 module)
    if(${option})
        list(APPEND modules ${module})
    endif()
endforeach()
list(JOIN modules " " IML_PC_REQUIRES)
# From where imloom.pc lies up to the prefix, so that an installed tree may be moved.
file(RELATIVE_PATH IML_PC_UP /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" IML_PC_UP "${IML_PC_UP}")
configure_file(cmake/imloom.pc.in imloom.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/imloom.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(IML_MODULES ${modules})
configure_package_config_file(cmake/imloom-config.cmake.in ${PROJECT_BINARY_DIR}/imloom-config.cmake
    INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/imloom)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/imloom-config-version.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/imloom-config.cmake ${PROJECT_BINARY_DIR}/imloom-config-version.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/imloom)
install(EXPORT imloom-targets NAMESPACE imloom:: FILE imloom-targets.cmake
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/imloom)

# Pages: a list of the commands is read from commands.def, so that a new row needs nothing here.
file(STRINGS src/cmd/commands.def rows REGEX "^IML_CMD\\(")
set(pages ${PROJECT_BINARY_DIR}/man/imloom.1)
set(make_pages COMMAND $<TARGET_FILE:imloom> help man > ${PROJECT_BINARY_DIR}/man/imloom.1)
foreach(row ${rows})
    string(REGEX REPLACE "^IML_CMD\\([a-z]+, ([a-z]+),.*" "\\1" name "${row}")
    list(APPEND pages ${PROJECT_BINARY_DIR}/man/imloom-${name}.1)
    list(APPEND make_pages COMMAND $<TARGET_FILE:imloom> help man ${name} > ${PROJECT_BINARY_DIR}/man/imloom-${name}.1)
endforeach()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/man ${PROJECT_BINARY_DIR}/completion)
set(shells ${PROJECT_BINARY_DIR}/completion/imloom ${PROJECT_BINARY_DIR}/completion/_imloom ${PROJECT_BINARY_DIR}/completion/imloom.fish)
add_custom_command(OUTPUT ${pages} ${shells} ${make_pages}
    COMMAND $<TARGET_FILE:imloom> help completion bash > ${PROJECT_BINARY_DIR}/completion/imloom
    COMMAND $<TARGET_FILE:imloom> help completion zsh > ${PROJECT_BINARY_DIR}/completion/_imloom
    COMMAND $<TARGET_FILE:imloom> help completion fish > ${PROJECT_BINARY_DIR}/completion/imloom.fish
    DEPENDS imloom VERBATIM)
add_custom_target(pages ALL DEPENDS ${pages} ${shells})
install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${PROJECT_BINARY_DIR}/completion/imloom DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${PROJECT_BINARY_DIR}/completion/_imloom DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${PROJECT_BINARY_DIR}/completion/imloom.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
