# What a device compiles: the engine and its decoder, and the link. Include it with ROOT set to the repository.
ENGINE := $(wildcard $(ROOT)/core/src/update*.c) \
	$(addprefix $(ROOT)/core/src/, device_decode.c device_model.c range_decoder.c adaptive_model.c)
# The link, if it brings the patches.
LINK := $(wildcard $(ROOT)/core/src/link*.c) $(ROOT)/core/src/crc32c.c $(ROOT)/device/serve.c
ENGINE_HEADERS := $(wildcard $(ROOT)/core/include/*.h $(ROOT)/core/src/*.h $(ROOT)/device/*.h)
ENGINE_FLAGS := -std=c99 -I$(ROOT)/core/include -I$(ROOT)/device -Wall -Wextra -Wconversion -Werror
