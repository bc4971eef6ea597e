# Shared build rules: warnings, sanitizers, and nap_module(), the one way to declare a folder.

# -ffp-contract=off: a fused multiply-add appears only where the source says fma, so that every
# instruction set gives the same bits. -fno-math-errno lets sqrtf and friends become instructions;
# no other relaxation of IEEE arithmetic is used anywhere. Only what is marked NAP_API is visible
# outside the shared library.
add_library(nap_flags INTERFACE)
target_compile_options(nap_flags INTERFACE
  -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wundef -Wwrite-strings -Wformat=2 -ffp-contract=off -fno-math-errno -fvisibility=hidden
  $<$<CONFIG:Release>:-O3>)
target_compile_definitions(nap_flags INTERFACE _GNU_SOURCE)
target_include_directories(nap_flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
if(NAPIER_SANITIZE)
  target_compile_options(nap_flags INTERFACE -fsanitize=${NAPIER_SANITIZE}
    -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  target_link_options(nap_flags INTERFACE -fsanitize=${NAPIER_SANITIZE})
endif()
if(NAPIER_FUZZ)
  target_compile_options(nap_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# nap_module(<folder> SOURCES a.c b.c DEPS base format LIBS jansson::jansson)
# declares the static library nap_<folder>; DEPS are other folders of src/.
function(nap_module name)
  cmake_parse_arguments(M "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  add_library(nap_${name} STATIC ${M_SOURCES})
  set_property(GLOBAL APPEND PROPERTY NAPIER_MODULES nap_${name})
  target_link_libraries(nap_${name} PUBLIC nap_flags m)
  foreach(dep ${M_DEPS})
    target_link_libraries(nap_${name} PUBLIC nap_${dep})
  endforeach()
  if(M_LIBS)
    target_link_libraries(nap_${name} PUBLIC ${M_LIBS})
  endif()
  # The public library links to what its modules need from outside: make that visible to it.
  foreach(lib ${M_LIBS})
    if(TARGET ${lib})
      get_target_property(imported ${lib} IMPORTED)
      get_target_property(global ${lib} IMPORTED_GLOBAL)
      if(imported AND NOT global AND NOT lib MATCHES "^Threads")
        set_target_properties(${lib} PROPERTIES IMPORTED_GLOBAL TRUE)
      endif()
    endif()
  endforeach()
endfunction()

# nap_test(<name> SOURCES x.c LIBS nap_base ... [LABELS quick|full] [ARGS ...])
# declares a cmocka program tests/<name> that ctest runs.
function(nap_test name)
  cmake_parse_arguments(T "" "" "SOURCES;LIBS;LABELS;ARGS" ${ARGN})
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${T_LIBS} nap_flags cmocka)
  add_test(NAME ${name} COMMAND ${name} ${T_ARGS})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77
    ENVIRONMENT "NAPIER_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
  if(T_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${T_LABELS}")
  endif()
endfunction()
