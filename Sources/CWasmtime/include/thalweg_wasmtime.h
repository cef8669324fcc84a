// The part of wasmtime's C interface that Thalweg uses, declared by hand and found by name when the
// shared library is opened: a server without the library builds, links and runs, without programs.
//
// Declarations and layouts are those of wasmtime 50.0. THALWEG_WASMTIME_FUNCTIONS is the one list:
// it makes the table of pointers, fills it, and makes an inline function of each name.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wasm_config_t wasm_config_t;
typedef struct wasm_engine_t wasm_engine_t;
typedef struct wasm_functype_t wasm_functype_t;
typedef struct wasm_valtype_t wasm_valtype_t;
typedef struct wasm_trap_t wasm_trap_t;
typedef struct wasmtime_error wasmtime_error_t;
typedef struct wasmtime_store wasmtime_store_t;
typedef struct wasmtime_context wasmtime_context_t;
typedef struct wasmtime_module wasmtime_module_t;
typedef struct wasmtime_linker wasmtime_linker_t;
typedef struct wasmtime_caller wasmtime_caller_t;

typedef struct {
  size_t size;
  uint8_t *data;
} wasm_byte_vec_t;
typedef struct {
  size_t size;
  wasm_valtype_t **data;
} wasm_valtype_vec_t;

typedef struct {
  uint64_t store_id;
  void *private_pointer;
} wasmtime_func_t;
typedef struct {
  struct {
    uint64_t store_id;
    uint32_t private1;
  } inner;
  uint32_t private2;
} wasmtime_memory_t;
typedef struct {
  uint64_t store_id;
  uint32_t private1;
  uint32_t private2;
  uint32_t private3;
} wasmtime_global_t;
typedef struct {
  uint64_t store_id;
  size_t private_index;
} wasmtime_instance_t;

enum { THALWEG_EXTERN_FUNC = 0, THALWEG_EXTERN_GLOBAL = 1, THALWEG_EXTERN_MEMORY = 3 };
typedef struct {
  uint8_t kind;
  union {
    wasmtime_func_t func;
    wasmtime_global_t global;
    wasmtime_memory_t memory;
  } of;
} wasmtime_extern_t;

enum { THALWEG_I32 = 0, THALWEG_I64 = 1, THALWEG_F32 = 2, THALWEG_F64 = 3 };
typedef union {
  int32_t i32;
  int64_t i64;
  float f32;
  double f64;
  uint8_t v128[16];
} wasmtime_val_raw_t;
typedef struct {
  uint8_t kind;
  union {
    int32_t i32;
    int64_t i64;
    uint64_t words[3];
  } of;
} wasmtime_val_t;

_Static_assert(sizeof(wasmtime_func_t) == 16, "func");
_Static_assert(sizeof(wasmtime_memory_t) == 24, "memory");
_Static_assert(sizeof(wasmtime_global_t) == 24, "global");
_Static_assert(sizeof(wasmtime_instance_t) == 16, "instance");
_Static_assert(sizeof(wasmtime_extern_t) == 32, "extern");
_Static_assert(sizeof(wasmtime_val_raw_t) == 16 && _Alignof(wasmtime_val_raw_t) == 8, "raw value");
_Static_assert(sizeof(wasmtime_val_t) == 32, "value");

typedef wasm_trap_t *(*wasmtime_func_unchecked_callback_t)(
    void *environment, wasmtime_caller_t *caller, wasmtime_val_raw_t *arguments_and_results,
    size_t count);

#define THALWEG_WASMTIME_SETTING(X, name, type) \
  X(void, wasmtime_config_##name##_set, (wasm_config_t *config, type value), (config, value))

#define THALWEG_WASMTIME_FUNCTIONS(X) \
  X(wasm_config_t *, wasm_config_new, (void), ()) \
  X(wasm_engine_t *, wasm_engine_new_with_config, (wasm_config_t *config), (config)) \
  X(void, wasm_engine_delete, (wasm_engine_t *engine), (engine)) \
  THALWEG_WASMTIME_SETTING(X, consume_fuel, bool) \
  THALWEG_WASMTIME_SETTING(X, max_wasm_stack, size_t) \
  THALWEG_WASMTIME_SETTING(X, wasm_threads, bool) \
  THALWEG_WASMTIME_SETTING(X, shared_memory, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_tail_call, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_reference_types, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_function_references, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_gc, bool) \
  THALWEG_WASMTIME_SETTING(X, gc_support, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_simd, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_relaxed_simd, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_bulk_memory, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_multi_value, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_multi_memory, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_memory64, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_wide_arithmetic, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_exceptions, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_custom_page_sizes, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_stack_switching, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_component_model, bool) \
  THALWEG_WASMTIME_SETTING(X, wasm_component_model_async, bool) \
  THALWEG_WASMTIME_SETTING(X, concurrency_support, bool) \
  THALWEG_WASMTIME_SETTING(X, strategy, uint8_t) \
  THALWEG_WASMTIME_SETTING(X, parallel_compilation, bool) \
  THALWEG_WASMTIME_SETTING(X, cranelift_nan_canonicalization, bool) \
  THALWEG_WASMTIME_SETTING(X, cranelift_opt_level, uint8_t) \
  THALWEG_WASMTIME_SETTING(X, memory_may_move, bool) \
  THALWEG_WASMTIME_SETTING(X, memory_reservation, uint64_t) \
  THALWEG_WASMTIME_SETTING(X, memory_guard_size, uint64_t) \
  THALWEG_WASMTIME_SETTING(X, signals_based_traps, bool) \
  X(wasmtime_store_t *, wasmtime_store_new, \
    (wasm_engine_t *engine, void *data, void (*finalizer)(void *)), (engine, data, finalizer)) \
  X(wasmtime_context_t *, wasmtime_store_context, (wasmtime_store_t *store), (store)) \
  X(void, wasmtime_store_limiter, \
    (wasmtime_store_t *store, int64_t memory_size, int64_t table_elements, int64_t instances, \
     int64_t tables, int64_t memories), \
    (store, memory_size, table_elements, instances, tables, memories)) \
  X(void, wasmtime_store_delete, (wasmtime_store_t *store), (store)) \
  X(wasmtime_error_t *, wasmtime_context_set_fuel, (wasmtime_context_t *context, uint64_t fuel), \
    (context, fuel)) \
  X(wasmtime_error_t *, wasmtime_context_get_fuel, \
    (const wasmtime_context_t *context, uint64_t *fuel), (context, fuel)) \
  X(wasmtime_error_t *, wasmtime_module_new, \
    (wasm_engine_t *engine, const uint8_t *bytes, size_t count, wasmtime_module_t **module), \
    (engine, bytes, count, module)) \
  X(void, wasmtime_module_delete, (wasmtime_module_t *module), (module)) \
  X(void, wasm_byte_vec_delete, (wasm_byte_vec_t *bytes), (bytes)) \
  X(wasmtime_linker_t *, wasmtime_linker_new, (wasm_engine_t *engine), (engine)) \
  X(void, wasmtime_linker_delete, (wasmtime_linker_t *linker), (linker)) \
  X(wasmtime_error_t *, wasmtime_linker_define_func_unchecked, \
    (wasmtime_linker_t *linker, const char *module, size_t module_size, const char *name, \
     size_t name_size, const wasm_functype_t *type, wasmtime_func_unchecked_callback_t callback, \
     void *data, void (*finalizer)(void *)), \
    (linker, module, module_size, name, name_size, type, callback, data, finalizer)) \
  X(wasmtime_error_t *, wasmtime_linker_instantiate, \
    (const wasmtime_linker_t *linker, wasmtime_context_t *context, \
     const wasmtime_module_t *module, wasmtime_instance_t *instance, wasm_trap_t **trap), \
    (linker, context, module, instance, trap)) \
  X(bool, wasmtime_instance_export_get, \
    (wasmtime_context_t *context, const wasmtime_instance_t *instance, const char *name, \
     size_t name_size, wasmtime_extern_t *item), \
    (context, instance, name, name_size, item)) \
  X(wasmtime_error_t *, wasmtime_func_call_unchecked, \
    (wasmtime_context_t *context, const wasmtime_func_t *function, \
     wasmtime_val_raw_t *arguments_and_results, size_t count, wasm_trap_t **trap), \
    (context, function, arguments_and_results, count, trap)) \
  X(uint8_t *, wasmtime_memory_data, \
    (const wasmtime_context_t *context, const wasmtime_memory_t *memory), (context, memory)) \
  X(size_t, wasmtime_memory_data_size, \
    (const wasmtime_context_t *context, const wasmtime_memory_t *memory), (context, memory)) \
  X(wasmtime_error_t *, wasmtime_memory_grow, \
    (wasmtime_context_t *context, const wasmtime_memory_t *memory, uint64_t pages, \
     uint64_t *previous), \
    (context, memory, pages, previous)) \
  X(void, wasmtime_global_get, \
    (wasmtime_context_t *context, const wasmtime_global_t *global, wasmtime_val_t *value), \
    (context, global, value)) \
  X(wasmtime_error_t *, wasmtime_global_set, \
    (wasmtime_context_t *context, const wasmtime_global_t *global, const wasmtime_val_t *value), \
    (context, global, value)) \
  X(wasm_functype_t *, wasm_functype_new, \
    (wasm_valtype_vec_t *parameters, wasm_valtype_vec_t *results), (parameters, results)) \
  X(void, wasm_functype_delete, (wasm_functype_t *type), (type)) \
  X(wasm_valtype_t *, wasm_valtype_new, (uint8_t kind), (kind)) \
  X(void, wasm_valtype_vec_new, \
    (wasm_valtype_vec_t *types, size_t count, wasm_valtype_t *const *data), (types, count, data)) \
  X(void, wasm_valtype_vec_new_empty, (wasm_valtype_vec_t *types), (types)) \
  X(void, wasmtime_error_message, (const wasmtime_error_t *error, wasm_byte_vec_t *message), \
    (error, message)) \
  X(void, wasmtime_error_delete, (wasmtime_error_t *error), (error)) \
  X(void, wasm_trap_message, (const wasm_trap_t *trap, wasm_byte_vec_t *message), \
    (trap, message)) \
  X(bool, wasmtime_trap_code, (const wasm_trap_t *trap, uint8_t *code), (trap, code)) \
  X(wasm_trap_t *, wasmtime_trap_new, (const char *message, size_t size), (message, size)) \
  X(void, wasm_trap_delete, (wasm_trap_t *trap), (trap))

struct thalweg_wasmtime_table {
#define X(result, name, parameters, arguments) result(*name) parameters;
  THALWEG_WASMTIME_FUNCTIONS(X)
#undef X
};

/// Filled once by thalweg_wasmtime_open, never changed afterwards.
extern struct thalweg_wasmtime_table thalweg_wasmtime;

#define X(result, name, parameters, arguments) \
  static inline result name parameters { return thalweg_wasmtime.name arguments; }
THALWEG_WASMTIME_FUNCTIONS(X)
#undef X

/// Opens the shared library at `path` and fills the table. Returns 0, or 1 with the reason in
/// `message` (ended with a zero, cut to `size`). Any thread may call it; only one library is ever
/// used, and asking for another is an error. It is never closed.
int thalweg_wasmtime_open(const char *path, char *message, size_t size);

/// Bytes of stack that the calling thread has left, 0 where that cannot be told.
size_t thalweg_stack_left(void);
