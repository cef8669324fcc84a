;; Counts every write and then refuses those at odd offsets, and has the server undo them: the count,
;; which is stored at the write's key as a u64, is of those at even offsets only.
(module
  (memory (export "memory") 24)
  (global $count_at i32 (i32.const 16))
  (func (export "topic_abi") (result i32) (i32.const 1))
  (func (export "topic_in") (result i32) (i32.const 65536))
  (func (export "topic_out") (result i32) (i32.const 327680))
  (func (export "topic_init") (param i32) (result i64) (i64.const 0))

  (func (export "topic_batch") (param $write i32) (param $count i32) (result i64)
    (local $index i32) (local $out i32)
    (local.set $out (i32.const 327680))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $index) (local.get $count)))
        ;; Less than 256 KiB of the output buffer left: the host calls again for the rest.
        (br_if $done (i32.gt_u (local.get $out) (i32.const 1114112)))
        (i64.store (global.get $count_at)
          (i64.add (i64.load (global.get $count_at)) (i64.const 1)))
        (if (i32.and (i32.load offset=8 (local.get $write)) (i32.const 1))
          (then
            ;; Operation 5: reject, and undo what this write did to memory. Code 100, no message.
            (i32.store (local.get $out) (i32.const 24))
            (i32.store offset=4 (local.get $out) (i32.const 5))
            (i32.store offset=8 (local.get $out) (local.get $index))
            (i64.store offset=12 align=4 (local.get $out) (i64.const 0))
            (i32.store offset=20 (local.get $out) (i32.const 100)))
          (else
            (call $store (local.get $out) (local.get $write) (local.get $index))))
        (local.set $out (i32.add (local.get $out) (i32.load (local.get $out))))
        (local.set $write (i32.add (local.get $write) (i32.load (local.get $write))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $index)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (local.get $out) (i32.const 327680)))))

  ;; A frame that stores the count at the write's key.
  (func $store (param $out i32) (param $write i32) (param $index i32)
    (local $key_count i32) (local $key_size i32)
    (local.set $key_count (i32.load offset=40 (local.get $write)))
    (local.set $key_size
      (i32.and (i32.add (local.get $key_count) (i32.const 7)) (i32.const -8)))
    (i32.store (local.get $out) (i32.add (i32.const 32) (local.get $key_size)))
    (i32.store offset=4 (local.get $out) (i32.const 1))
    (i32.store offset=8 (local.get $out) (local.get $index))
    (i32.store offset=12 (local.get $out) (local.get $key_count))
    (i32.store offset=16 (local.get $out) (i32.const 8))
    (i32.store offset=20 (local.get $out) (i32.const 0))
    (memory.copy
      (i32.add (local.get $out) (i32.const 24))
      (i32.add (local.get $write) (i32.const 64))
      (local.get $key_size))
    (i64.store offset=24 (i32.add (local.get $out) (local.get $key_size))
      (i64.load (global.get $count_at)))))
