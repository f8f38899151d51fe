# Each core/tests/*.c is one program: it exits with 0 when every claim in it holds.
file(GLOB test_sources CONFIGURE_DEPENDS core/tests/*.c)

foreach(source ${test_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE sapwood_simulator)
  target_include_directories(${name} PRIVATE core/src)
  target_compile_options(${name} PRIVATE -Wall -Wextra -UNDEBUG)  # -UNDEBUG: assert is how a test speaks
  if(SAPWOOD_WERROR)
    target_compile_options(${name} PRIVATE -Werror)
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endforeach()
