// The whole runtime that a program has: no libc, no WASI, and nothing that could differ between two
// machines. What it lacks on purpose (clock, chance, sin, pow) is an error of the linker.

#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

// MARK: Memory

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
    return __builtin_memcpy(to, from, count);  // memory.copy
}

void *memmove(void *to, const void *from, size_t count) {
    return __builtin_memmove(to, from, count);  // memory.copy
}

void *memset(void *to, int byte, size_t count) {
    return __builtin_memset(to, byte, count);  // memory.fill
}

int memcmp(const void *left, const void *right, size_t count) {
    const unsigned char *a = left, *b = right;
    for (; count >= 8; count -= 8, a += 8, b += 8) {
        uint64_t x, y;
        __builtin_memcpy(&x, a, 8);
        __builtin_memcpy(&y, b, 8);
        if (x != y) break;
    }
    for (; count; count--, a++, b++)
        if (*a != *b) return *a - *b;
    return 0;
}

size_t strlen(const char *text) {
    size_t count = 0;
    while (text[count]) count++;
    return count;
}

// MARK: The allocator
//
// A heap that only grows, and a list of free blocks for each size class. Blocks of up to 64 bytes
// are multiples of 16; above, each power of two has four steps, so at most a fifth is lost:
//
//    16 32 48 64 | 80 96 112 128 | 160 192 224 256 | 320 384 448 512 | …
//
// A block begins 8 bytes before a multiple of 16, with its class and how far the memory that was
// handed out lies from its beginning. Nothing depends on anything but the order of the calls.

enum { SMALL_CLASSES = 4, CLASSES = SMALL_CLASSES + 4 * 26, HEADER = 8, PAGE = 65536 };

struct header {
    uint32_t class;
    uint32_t distance;
};

extern unsigned char __heap_base;
static uintptr_t heap_next, heap_end;
static void *free_blocks[CLASSES];

static uint32_t class_of(uint32_t size) {
    if (size <= 64) return size ? (size - 1) >> 4 : 0;
    uint32_t power = 31 - __builtin_clz(size - 1);
    return SMALL_CLASSES + (power - 6) * 4 + (((size - 1) >> (power - 2)) & 3);
}

static uint32_t size_of_class(uint32_t class) {
    if (class < SMALL_CLASSES) return (class + 1) << 4;
    uint32_t power = (class - SMALL_CLASSES) / 4 + 6, step = (class - SMALL_CLASSES) & 3;
    return (1u << power) + ((step + 1) << (power - 2));
}

static void *extend_heap(uint32_t size) {
    if (!heap_next) {
        // Eight before a multiple of 16, so that what lies behind a header is aligned.
        heap_next = (((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15) + 8;
        heap_end = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
    }
    if (heap_next > heap_end || size > heap_end - heap_next) {
        size_t pages = ((uint64_t)heap_next + size - heap_end + PAGE - 1) / PAGE;
        // The limit is the same on every node, so all of them trap here or none.
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) __builtin_trap();
        heap_end += pages * PAGE;
    }
    void *block = (void *)heap_next;
    heap_next += size;
    return block;
}

static void *allocate(size_t alignment, size_t count) {
    if (alignment < 16) alignment = 16;
    if (count > (1u << 30) || alignment > (1u << 16)) __builtin_trap();
    uint32_t class = class_of((uint32_t)(count + HEADER + (alignment - 16)));
    char *block = free_blocks[class];
    if (block)
        free_blocks[class] = *(void **)block;
    else
        block = extend_heap(size_of_class(class));
    uintptr_t start = ((uintptr_t)block + HEADER + alignment - 1) & ~(uintptr_t)(alignment - 1);
    ((struct header *)start)[-1] = (struct header){class, (uint32_t)(start - (uintptr_t)block)};
    return (void *)start;
}

void *malloc(size_t count) {
    return allocate(16, count);
}

void *aligned_alloc(size_t alignment, size_t count) {
    return allocate(alignment, count);
}

int posix_memalign(void **result, size_t alignment, size_t count) {
    *result = allocate(alignment, count);
    return 0;
}

void *calloc(size_t count, size_t size) {
    if (size && count > (1u << 30) / size) __builtin_trap();
    return memset(allocate(16, count * size), 0, count * size);
}

void free(void *address) {
    if (!address) return;
    struct header header = ((struct header *)address)[-1];
    char *block = (char *)address - header.distance;
    uint32_t size = size_of_class(header.class);
    if ((uintptr_t)block + size == heap_next) {
        heap_next = (uintptr_t)block;
        return;
    }
    *(void **)block = free_blocks[header.class];
    free_blocks[header.class] = block;
}

size_t malloc_usable_size(void *address) {
    struct header header = ((struct header *)address)[-1];
    return size_of_class(header.class) - header.distance;
}

// MARK: What Swift asks of a system

// The seed of Hasher: the only chance that a Swift program has, and the same on every node.
void arc4random_buf(void *to, size_t count) {
    unsigned char *bytes = to;
    for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)(0x9E * (i + 1));
}

__attribute__((noreturn)) void abort(void) {
    __builtin_trap();
}

int putchar(int character) {
    return character;
}

// MARK: What the compiler calls

typedef __int128 int128;
typedef unsigned __int128 uint128;

// The product of two 128-bit numbers, for checked 64-bit multiplication.
int128 __multi3(int128 left, int128 right) {
    uint64_t a = (uint64_t)left, b = (uint64_t)right;
    uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    uint64_t low = a_low * b_low;
    uint64_t middle = a_high * b_low + (low >> 32);
    uint64_t other = a_low * b_high + (uint32_t)middle;
    uint64_t high = a_high * b_high + (middle >> 32) + (other >> 32);
    high += a * (uint64_t)((uint128)right >> 64) + (uint64_t)((uint128)left >> 64) * b;
    return (int128)((uint128)high << 64 | (other << 32 | (uint32_t)low));
}

// Of libm only what is exact everywhere: the last bits of sin, exp and pow are not.
double round(double x) {
    double whole = __builtin_trunc(x);
    return __builtin_fabs(x - whole) >= 0.5 ? whole + __builtin_copysign(1.0, x) : whole;
}

float roundf(float x) {
    return (float)round(x);
}

// MARK: Exports
//
// The buffers are fixed: if they grew with a batch, so would the heap, and nodes that batch
// differently would hand out different addresses.

static unsigned char in_bytes[1u << 18] __attribute__((aligned(16)));
static unsigned char out_bytes[1u << 20] __attribute__((aligned(16)));
static unsigned char key_bytes[1024] __attribute__((aligned(16)));
static unsigned char value_bytes[1u << 16] __attribute__((aligned(16)));
static void *large_bytes;

EXPORT("topic_abi") int topic_abi(void) {
    return 1;
}

EXPORT("topic_in") void *topic_in(void) {
    return in_bytes;
}

EXPORT("topic_out") void *topic_out(void) {
    return out_bytes;
}

EXPORT("topic_big") void *topic_big(uint32_t count) {
    return malloc(count);
}

EXPORT("topic_big_free") void topic_big_free(void *address) {
    free(address);
}

void *topic_key_scratch(void) {
    return key_bytes;
}

void *topic_value_scratch(void) {
    return value_bytes;
}

// For records beyond 64 KiB; once asked for, it stays.
void *topic_large_scratch(void) {
    if (!large_bytes) large_bytes = malloc(1u << 20);
    return large_bytes;
}

// Swift's `main` is this, and says which type the program is; `topic_start` makes one.
extern int __main_argc_argv(int, char **);
extern void __wasm_call_ctors(void);
extern uint64_t topic_start(uint32_t argument_bytes);

EXPORT("topic_init") uint64_t topic_init(uint32_t argument_bytes) {
    __wasm_call_ctors();
    __main_argc_argv(0, 0);
    return topic_start(argument_bytes);
}
