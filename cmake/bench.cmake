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
