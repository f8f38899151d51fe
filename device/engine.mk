# What a device compiles: the engine and its decoder. Include it with ROOT set to the repository.
ENGINE := $(wildcard $(ROOT)/core/src/update*.c) \
	$(addprefix $(ROOT)/core/src/, device_decode.c device_model.c range_decoder.c adaptive_model.c)
ENGINE_HEADERS := $(wildcard $(ROOT)/core/include/*.h $(ROOT)/core/src/*.h)
ENGINE_FLAGS := -std=c99 -I$(ROOT)/core/include -Wall -Wextra -Wconversion -Werror
