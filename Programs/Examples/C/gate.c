// A gate: stores writes as they are, but refuses those whose value does not begin with a digit.
// Once it has stored as many as its argument says (a u32, 1,000,000 if there is none), it is shut.

#include "topic.h"

static uint32_t stored, most = 1000000;

uint64_t TOPIC_EXPORT(topic_init)(uint32_t argument_bytes) {
    static const char reason[] = "the argument is a u32";
    uint32_t used = 0;
    if (argument_bytes == 4)
        most = *(uint32_t *)topic_in_bytes;
    else if (argument_bytes)
        topic_emit(&used, TOPIC_REJECT, 0, 0, 0, reason, sizeof reason - 1, 1);
    return used;
}

uint64_t TOPIC_EXPORT(topic_batch)(struct topic_write *write, uint32_t count) {
    static const char no_digit[] = "the value does not begin with a digit";
    static const char shut[] = "the gate is shut";
    uint32_t used = 0, index = 0;
    for (; index < count && used + TOPIC_OUT_OF_ONE_WRITE <= TOPIC_OUT; index++) {
        unsigned char *value = topic_value(write);
        if (write->value_count == 0 || value[0] < '0' || value[0] > '9')
            topic_emit(&used, TOPIC_REJECT, index, 0, 0, no_digit, sizeof no_digit - 1, 100);
        else if (stored == most)
            topic_emit(&used, TOPIC_REJECT, index, 0, 0, shut, sizeof shut - 1, 101);
        else {
            stored++;
            topic_emit(&used, TOPIC_ACCEPT, index, 0, 0, 0, 0, 0);
        }
        write = topic_next(write);
    }
    return topic_done(index, used);
}
