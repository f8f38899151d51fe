/* Which model counts: at boot, and for the first time. */
#include "update.h"

swd_result swd_boot(const swd_config *config, swd_model *model) {
    swd_journal journal;
    if (!swd_journal_load(&journal, config)) {
        return SWD_ERROR_FLASH;
    }
    *model = journal.state.model;
    if (config->in_place && journal.state.doing != SWD_IDLE) {
        return SWD_MORE;
    }
    return journal.state.sequence == 0 || model->size == 0 ? SWD_ERROR_EMPTY : SWD_DONE;
}

swd_result swd_provision(const swd_config *config, const swd_model *model) {
    swd_journal journal;
    if (!swd_journal_load(&journal, config)) {
        return SWD_ERROR_FLASH;
    }
    journal.state.model = *model;
    journal.state.doing = SWD_IDLE;
    return swd_journal_append(&journal, config, NULL, 0, 0) ? SWD_DONE : SWD_ERROR_FLASH;
}
