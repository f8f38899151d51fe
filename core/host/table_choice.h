/* Which contexts share a frequency table. */
#ifndef SW_TABLE_CHOICE_H
#define SW_TABLE_CHOICE_H

#include "numeric.h"

/* Merge contexts (scale level x class, SW_CLASSES a level) whose histograms are alike enough that a table of
 * their own costs more than it saves. On return counts[t] is the histogram of table t and header->table_count
 * and table_of are set. Returns the coded size in 1/65536 bit.
 */
uint64_t sw_choose_tables(sw_numeric_header *header, int level, uint32_t (*counts)[SW_MAX_SYMBOLS],
                          uint8_t table_of[SW_MAX_SCALES][SW_CLASSES]);

#endif
