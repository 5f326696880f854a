# Installs BUILD_DIR into WORK_DIR/prefix, moves that folder, and builds consumer/ against it in both ways.
# The move proves that nothing installed remembers where it was.
set(prefix "${WORK_DIR}/moved")
set(ENV{LD_LIBRARY_PATH} "${prefix}/${LIB_DIR}")
set(ENV{PKG_CONFIG_PATH} "${prefix}/${LIB_DIR}/pkgconfig")

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${WORK_DIR}")
run(${CMAKE_COMMAND} --install "${BUILD_DIR}" --prefix "${WORK_DIR}/prefix")
file(RENAME "${WORK_DIR}/prefix" "${prefix}")

set(consumer "${CMAKE_CURRENT_LIST_DIR}/consumer")
run(${CMAKE_COMMAND} -S "${consumer}" -B "${WORK_DIR}/cmake"
  "-DCMAKE_PREFIX_PATH=${prefix}" "-DCMAKE_C_COMPILER=${C_COMPILER}")
run(${CMAKE_COMMAND} --build "${WORK_DIR}/cmake")
run("${WORK_DIR}/cmake/consumer")

execute_process(COMMAND pkg-config --cflags --libs whimbrel whimbrel-coordinator
  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
run("${C_COMPILER}" -std=c99 "${consumer}/consumer.c" -o "${WORK_DIR}/consumer" ${flags})
run("${WORK_DIR}/consumer")
