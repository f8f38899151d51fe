# sapwood_core: core/src (the freestanding decoder) and core/host (encoders, SIMD paths).
include(CheckCSourceCompiles)

file(GLOB core_sources CONFIGURE_DEPENDS core/src/*.c core/host/*.c)
add_library(sapwood_core STATIC)
target_include_directories(sapwood_core PUBLIC core/include core/host core/src)
target_compile_options(sapwood_core PRIVATE
  -Wall -Wextra -Wconversion
  # One rounding an operation, on every machine: a fused multiply-add would change decoded bytes.
  -ffp-contract=off)
# Nobody asks which comparison raised a flag: without this, none of their loops is vectorised. Results stay the same.
set_source_files_properties(core/src/quantised_place.c core/src/quantised_predict.c PROPERTIES COMPILE_OPTIONS -fno-trapping-math)
if(SAPWOOD_WERROR)
  target_compile_options(sapwood_core PRIVATE -Werror)
endif()
set_target_properties(sapwood_core PROPERTIES POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
# Encoders alone take square roots.
target_link_libraries(sapwood_core PUBLIC sapwood_sanitizers m)

# Files named *_NAME.c hold the path for one instruction set. They alone get its flags, so that a build runs on
# every machine of the architecture; C code asks at run time, after checking SAPWOOD_HAVE_<NAME> at compile time.
function(sapwood_instruction_set name processors)
  set(files ${core_sources})
  list(FILTER files INCLUDE REGEX "_${name}\\.c$")
  set(others ${core_sources})
  list(FILTER others EXCLUDE REGEX "_${name}\\.c$")
  set(core_sources ${others} PARENT_SCOPE)
  if(NOT files OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(${processors})$")
    return()
  endif()

  string(TOUPPER ${name} macro)
  string(REPLACE ";" " " CMAKE_REQUIRED_FLAGS "${ARGN}")
  check_c_source_compiles("int main(void) { return 0; }" SAPWOOD_COMPILER_HAS_${macro})
  if(NOT SAPWOOD_COMPILER_HAS_${macro})
    message(STATUS "the compiler does not know ${ARGN}: built without ${macro}")
    return()
  endif()
  set_source_files_properties(${files} PROPERTIES COMPILE_OPTIONS "${ARGN}")
  target_sources(sapwood_core PRIVATE ${files})
  target_compile_definitions(sapwood_core PUBLIC SAPWOOD_HAVE_${macro}=1)
endfunction()

sapwood_instruction_set(avx2 "x86_64|AMD64" -mavx2 -mbmi2)
sapwood_instruction_set(avx512 "x86_64|AMD64"
  -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vbmi -mavx512vbmi2 -mbmi2)
sapwood_instruction_set(ssse3 "x86_64|AMD64" -mssse3)
sapwood_instruction_set(neon "aarch64|arm64")
target_sources(sapwood_core PRIVATE ${core_sources})
