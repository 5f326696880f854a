# Runs PROGRAM with DIRECTORY, which it is to make: one that holds a run would be resumed.
file(REMOVE_RECURSE "${DIRECTORY}")
execute_process(COMMAND "${PROGRAM}" "${DIRECTORY}" COMMAND_ERROR_IS_FATAL ANY)
