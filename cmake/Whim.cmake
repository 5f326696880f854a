# Build rules shared by every module: compiler settings, whim_module(), whim_test(), whim_program().
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

find_program(WHIM_CCACHE ccache)
if(WHIM_CCACHE)
  # Paths relative to the checkout, so that a fresh clone finds what another one compiled.
  set(WHIM_LAUNCHER "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1
      "${WHIM_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER ${WHIM_LAUNCHER})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WHIM_LAUNCHER})
endif()

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
find_package(fmt REQUIRED)

# Settings every target of ours compiles with. Contraction is off so that all peers compute the same bits.
add_library(whim_settings INTERFACE)
target_compile_options(whim_settings INTERFACE
  -Wall -Wextra -Werror -ffp-contract=off
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Woverloaded-virtual>)
# GCC 12 at -O2 takes moves of std::variant for reads of what is not there, inside its own headers.
target_compile_options(whim_settings INTERFACE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-maybe-uninitialized>)
target_include_directories(whim_settings INTERFACE
  "${PROJECT_SOURCE_DIR}" "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/include")
target_link_libraries(whim_settings INTERFACE Threads::Threads)
if(WHIM_SANITIZE)
  target_compile_options(whim_settings INTERFACE
    -fsanitize=${WHIM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(whim_settings INTERFACE -fsanitize=${WHIM_SANITIZE})
  if(WHIM_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(whim_settings INTERFACE -Wno-error=tsan)
  endif()
endif()

# whim_module(NAME deps...): the sources of the current directory as static library whim_NAME.
# DEPS are the module's allowed arrows and outside libraries, nothing else.
function(whim_module name)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  if(sources)
    add_library(whim_${name} STATIC ${sources})
    target_link_libraries(whim_${name} PUBLIC whim_settings ${ARGN})
  else()
    add_library(whim_${name} INTERFACE)
    target_link_libraries(whim_${name} INTERFACE whim_settings ${ARGN})
  endif()
endfunction()

# whim_test(NAME SOURCES... LIBS...): a GoogleTest program registered with CTest under NAME.
function(whim_test name)
  cmake_parse_arguments(T "" "" "SOURCES;LIBS;ARGS;LABELS" ${ARGN})
  if(NOT T_SOURCES)
    return()
  endif()
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE whim_settings ${T_LIBS} GTest::gtest GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name} ${T_ARGS})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS "${T_LABELS}")
endfunction()
