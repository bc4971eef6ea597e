# cmake --install: the program, both libraries, the headers, a pkg-config file, the manual page and
# the shell completion. Included last, when all targets are there.
if(TARGET napier)
  install(TARGETS napier napier_shared
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/napier DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
  install(FILES ${CMAKE_SOURCE_DIR}/docs/napier.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${CMAKE_SOURCE_DIR}/tools/completion.bash RENAME napier
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/configs ${CMAKE_SOURCE_DIR}/share/lutcore
    DESTINATION ${CMAKE_INSTALL_DATADIR}/napier)
  install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

  # What the static library needs besides, as plain libraries and not as pkg-config modules: those
  # would drag in what the dependencies' own static builds need (libzip: ssl, crypto, bz2 ...).
  foreach(module jansson libsodium libutf8proc libzip)
    pkg_check_modules(PC_${module} REQUIRED QUIET ${module})
    list(APPEND NAPIER_PC_LIBS ${PC_${module}_LDFLAGS})
  endforeach()
  list(JOIN NAPIER_PC_LIBS " " NAPIER_PC_LIBS)
  configure_file(${CMAKE_SOURCE_DIR}/cmake/napier.pc.in ${CMAKE_BINARY_DIR}/napier.pc @ONLY)
  install(FILES ${CMAKE_BINARY_DIR}/napier.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
