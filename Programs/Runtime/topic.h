// What a program in C includes: the frames of ABI version 1, the buffers, and the exports that are
// the same for every program. A program defines `topic_init` and `topic_batch`.
//
//   thalweg program build gate.c

#ifndef THALWEG_TOPIC_H
#define THALWEG_TOPIC_H

#include <stddef.h>
#include <stdint.h>

#define TOPIC_EXPORT(name) __attribute__((export_name(#name))) name

enum topic_operation { TOPIC_PUT = 1, TOPIC_PATCH = 2, TOPIC_DELETE = 3 };
enum topic_result {
    TOPIC_STORE = 1,
    TOPIC_REMOVE = 2,
    // The program has changed nothing for this write.
    TOPIC_REJECT = 3,
    TOPIC_ACCEPT = 4,
    // The server takes back what the write did to the program's memory: right always, and dearer.
    TOPIC_REJECT_AND_UNDO = 5,
};
enum { TOPIC_IN = 1 << 18, TOPIC_OUT = 1 << 20, TOPIC_OUT_OF_ONE_WRITE = 1 << 18 };

// A write; key, value and metadata follow, each padded to 8 bytes.
struct topic_write {
    uint32_t size;
    uint8_t operation, zero;
    uint16_t source;
    uint64_t offset, time, session, mask;
    uint32_t key_count, value_count, metadata_count, zeros[3];
};

// What becomes of a write; key, value and, of a store or remove, metadata follow, each padded to 8
// bytes. `code` is that of a reject; of a store or remove it counts the bytes of metadata.
struct topic_frame {
    uint32_t size, operation, index, key_count, value_count, code;
};

_Static_assert(sizeof(struct topic_write) == 64, "a write's header has 64 bytes");
_Static_assert(sizeof(struct topic_frame) == 24, "a frame's header has 24 bytes");

__attribute__((import_module("topic"), import_name("log"))) void topic_log(
    const void *text, uint32_t count);
__attribute__((import_module("topic"), import_name("get"))) int64_t topic_get(
    const void *key, uint32_t key_count, uint32_t output_so_far, void *value, uint32_t capacity);

static unsigned char topic_in_bytes[TOPIC_IN] __attribute__((aligned(16)));
static unsigned char topic_out_bytes[TOPIC_OUT] __attribute__((aligned(16)));

int TOPIC_EXPORT(topic_abi)(void) {
    return 1;
}

void *TOPIC_EXPORT(topic_in)(void) {
    return topic_in_bytes;
}

void *TOPIC_EXPORT(topic_out)(void) {
    return topic_out_bytes;
}

static inline uint32_t topic_padded(uint32_t count) {
    return (count + 7) & ~7u;
}

static inline unsigned char *topic_key(struct topic_write *write) {
    return (unsigned char *)(write + 1);
}

static inline unsigned char *topic_value(struct topic_write *write) {
    return topic_key(write) + topic_padded(write->key_count);
}

static inline struct topic_write *topic_next(struct topic_write *write) {
    return (struct topic_write *)((unsigned char *)write + write->size);
}

// Appends a frame at `*used` bytes of the output; traps where the buffer has no room for it.
static inline struct topic_frame *topic_emit(
    uint32_t *used, enum topic_result operation, uint32_t index, const void *key,
    uint32_t key_count, const void *value, uint32_t value_count, uint32_t code) {
    if (key_count > TOPIC_OUT || value_count > TOPIC_OUT) __builtin_trap();
    uint32_t key_size = topic_padded(key_count), value_size = topic_padded(value_count);
    uint32_t size = sizeof(struct topic_frame) + key_size + value_size;
    if (size > TOPIC_OUT - *used) __builtin_trap();
    struct topic_frame *frame = (struct topic_frame *)(topic_out_bytes + *used);
    *frame = (struct topic_frame){size, operation, index, key_count, value_count, code};
    unsigned char *bytes = (unsigned char *)(frame + 1);
    for (uint32_t i = 0; i < key_size; i++) bytes[i] = i < key_count ? ((const char *)key)[i] : 0;
    for (uint32_t i = 0; i < value_size; i++)
        bytes[key_size + i] = i < value_count ? ((const char *)value)[i] : 0;
    *used += size;
    return frame;
}

// Gives the frame that was emitted last, a store or remove with code 0, metadata of its own; else its
// change has the write's.
static inline void topic_metadata(
    uint32_t *used, struct topic_frame *frame, const void *metadata, uint32_t count) {
    if (count > TOPIC_OUT || topic_padded(count) > TOPIC_OUT - *used) __builtin_trap();
    unsigned char *bytes = (unsigned char *)frame + frame->size;
    for (uint32_t i = 0; i < topic_padded(count); i++)
        bytes[i] = i < count ? ((const char *)metadata)[i] : 0;
    frame->code = count;
    frame->size += topic_padded(count);
    *used += topic_padded(count);
}

// What `topic_batch` gives back.
static inline uint64_t topic_done(uint32_t consumed, uint32_t used) {
    return (uint64_t)consumed << 32 | used;
}

#endif
