# Each core/fuzz/fuzz_*.c is one libFuzzer program, over a core built with the same instrumentation.
file(GLOB fuzz_sources CONFIGURE_DEPENDS core/fuzz/fuzz_*.c)

target_compile_options(sapwood_core PRIVATE -fsanitize=fuzzer-no-link)
target_compile_options(sapwood_simulator PRIVATE -fsanitize=fuzzer-no-link)
foreach(source ${fuzz_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE sapwood_simulator)
  target_compile_options(${name} PRIVATE -Wall -Wextra -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
endforeach()
