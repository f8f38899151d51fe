# Each core/bench/*.c is one program that times loops of the core; bench/profile.py runs it.
file(GLOB bench_sources CONFIGURE_DEPENDS core/bench/*.c)

foreach(source ${bench_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE sapwood_core)
  target_compile_options(${name} PRIVATE -Wall -Wextra)
  if(SAPWOOD_WERROR)
    target_compile_options(${name} PRIVATE -Werror)
  endif()
endforeach()

if(SAPWOOD_TESTS)
  # bf16, level default, past the headers of a small pair: a loop that no longer fits is seen by the tests.
  set(models examples/models/writer-bf16)
  add_test(NAME loops COMMAND loops ${models}-base.safetensors ${models}-tuned.safetensors 6 1 4096 4096
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endif()
