# A simulated device, for the tests of the update engine.
file(GLOB simulator_sources CONFIGURE_DEPENDS device/sim/*.c)
add_library(sapwood_simulator STATIC ${simulator_sources})
target_include_directories(sapwood_simulator PUBLIC device/sim)
target_compile_options(sapwood_simulator PRIVATE -Wall -Wextra -Wconversion)
if(SAPWOOD_WERROR)
  target_compile_options(sapwood_simulator PRIVATE -Werror)
endif()
target_link_libraries(sapwood_simulator PUBLIC sapwood_core)

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
