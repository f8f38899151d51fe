# sapwood._core: the binding in src/sapwood/_core*.cpp round sapwood_core.
enable_language(CXX)
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module OPTIONAL_COMPONENTS Development.SABIModule)
find_package(nanobind CONFIG REQUIRED)

# STABLE_ABI takes effect from Python 3.12 on, where nanobind supports it; before, it is ignored.
nanobind_add_module(_core STABLE_ABI NB_STATIC src/sapwood/_core.cpp src/sapwood/_core_predicted.cpp
  src/sapwood/_core_low_rank.cpp src/sapwood/_core_quantised.cpp src/sapwood/_core_scattered.cpp src/sapwood/_core_device.cpp src/sapwood/_core_splice.cpp
  src/sapwood/_core_update.cpp src/sapwood/_core_bytes.cpp)
# The simulated device takes models of up to 64 MiB; a plan says how many chunks a real one must take.
target_compile_definitions(sapwood_core PUBLIC SWD_CHUNKS=64)
target_link_libraries(_core PRIVATE sapwood_simulator)
install(TARGETS _core LIBRARY DESTINATION sapwood)
