/* Which model counts: at boot, and for the first time. */
#include "update.h"

swd_result swd_boot(const swd_config *config, swd_model *model) {
    swd_update u;
    swd_journal_load(&u, config);
    *model = u.record.state.model;
    if (u.failed) {
        return SWD_ERROR_FLASH;
    }
    if (SWD_IN_PLACE && config->in_place && u.record.state.doing != SWD_IDLE) {
        return SWD_MORE;
    }
    return model->size == 0 ? SWD_ERROR_EMPTY : SWD_DONE;
}

swd_result swd_provision(const swd_config *config, const swd_model *model) {
    swd_update u;
    swd_journal_load(&u, config);
    u.record.state.model = *model;
    u.record.state.doing = SWD_IDLE;
    swd_journal_append(&u, 0);
    return u.failed ? SWD_ERROR_FLASH : SWD_DONE;
}
