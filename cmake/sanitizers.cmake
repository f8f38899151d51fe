# The interface target sapwood_sanitizers carries the flags, or nothing.
add_library(sapwood_sanitizers INTERFACE)

if(SAPWOOD_SANITIZE)
  include(CheckCSourceCompiles)
  set(flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  list(JOIN flags " " CMAKE_REQUIRED_FLAGS)
  check_c_source_compiles("int main(void) { return 0; }" SAPWOOD_HAVE_SANITIZERS)
  unset(CMAKE_REQUIRED_FLAGS)

  if(SAPWOOD_HAVE_SANITIZERS)
    target_compile_options(sapwood_sanitizers INTERFACE ${flags})
    target_link_options(sapwood_sanitizers INTERFACE ${flags})
  elseif(SAPWOOD_SANITIZE STREQUAL "AUTO")
    message(WARNING "libasan and libubsan are missing (Debian packages libasan8 and libubsan1): "
                    "the C tests run without sanitizers")
  else()
    message(FATAL_ERROR "libasan and libubsan are missing (Debian packages libasan8 and libubsan1)")
  endif()
endif()
