# Run as a script with each build: writes OUT, which says what commit of SOURCE is built. The file stays untouched when
# that has not changed, so that nothing is compiled again.
find_package(Git QUIET)
set(commit "")
if(GIT_FOUND)
  execute_process(COMMAND "${GIT_EXECUTABLE}" -C "${SOURCE}" rev-parse --short HEAD
                  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT commit)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT "${OUT}" CONTENT "#include \"cli/bench_run.h\"\n
std::string whim::cli::commit() { return \"${commit}\"; }\n")
