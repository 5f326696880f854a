# `cmake --install`: the shared libraries, the public headers, the command, and how others find them
# (whimbrel.pc, find_package(whimbrel) with whimbrel::whimbrel and whimbrel::coordinator).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(WHIM_ABI_VERSION 0)  # rises when an existing symbol or struct changes its meaning
set(WHIM_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/whimbrel")

# whim_install_library(TARGET EXPORT_NAME): one of the shared libraries, with its pkg-config file.
function(whim_install_library target export_name)
  set_target_properties(${target} PROPERTIES
    VERSION "${PROJECT_VERSION}" SOVERSION ${WHIM_ABI_VERSION} EXPORT_NAME ${export_name})
  target_include_directories(${target} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  install(TARGETS ${target} EXPORT whimbrel-targets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})

  set(WHIM_PC_LIBRARY ${target})
  string(REPLACE "_" "-" pc_name ${target})
  set(WHIM_PC_NAME ${pc_name})
  file(RELATIVE_PATH WHIM_PC_TO_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/whimbrel.pc.in" "${PROJECT_BINARY_DIR}/${pc_name}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${pc_name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()

if(TARGET whimbrel)
  whim_install_library(whimbrel whimbrel)
  if(TARGET whimbrel_coordinator)
    whim_install_library(whimbrel_coordinator coordinator)
  endif()
  if(TARGET whimbrel_cli)
    install(TARGETS whimbrel_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/whimbrel" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT whimbrel-targets NAMESPACE whimbrel:: DESTINATION ${WHIM_PACKAGE_DIR})
  configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/whimbrel-config.cmake.in"
    "${PROJECT_BINARY_DIR}/whimbrel-config.cmake" INSTALL_DESTINATION ${WHIM_PACKAGE_DIR})
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/whimbrel-config-version.cmake"
    COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/whimbrel-config.cmake" "${PROJECT_BINARY_DIR}/whimbrel-config-version.cmake"
    DESTINATION ${WHIM_PACKAGE_DIR})
endif()
