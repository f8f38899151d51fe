/* A model that a device updates. */
#ifndef PORT_H
#define PORT_H

#include "sapwood_device.h"

/* At boot. SWD_DONE: `model` says where it is. SWD_MORE, in place only: run port_update first. */
swd_result port_boot(swd_model *model);

/* Take a patch from the link, to the end. */
swd_result port_update(void);

#endif
