// What a module shows to its host, but for the buffers and the allocator: those are in C.

#if hasFeature(Embedded)

/// A program of a type that only `main` knows.
class AnyRunner {
    func start(_ arguments: UnsafeRawPointer, _ count: Int, _ output: inout Output) -> Bool {
        false
    }

    func run(_ writes: UnsafeRawPointer, _ count: UInt32, _ output: inout Output) -> UInt32 { 0 }

    func load(_ records: UnsafeRawPointer, _ count: UInt32, _ output: inout Output) -> UInt32 { 0 }
}

final class Runner<P: Program>: AnyRunner {
    private var program: P?

    override func start(
        _ arguments: UnsafeRawPointer, _ count: Int, _ output: inout Output
    ) -> Bool {
        do throws(Reject) {
            program = try P(arguments: Bytes(arguments, count))
            return true
        } catch {
            output.reject(error)
            return false
        }
    }

    /// Stops when little room for output is left, so that nothing grows with the batch.
    override func run(
        _ writes: UnsafeRawPointer, _ count: UInt32, _ output: inout Output
    ) -> UInt32 {
        guard program != nil else { fatalError("topic_batch before topic_init") }
        var next = writes
        var index: UInt32 = 0
        while index < count, output.hasRoomForOneMore {
            output.begin(index)
            let write = Write(next, outputBytes: output.length)
            do throws(Reject) {
                try program?.step(write, &output)
            } catch {
                output.reject(error)
            }
            next += write.size
            index &+= 1
        }
        return index
    }

    override func load(
        _ records: UnsafeRawPointer, _ count: UInt32, _ output: inout Output
    ) -> UInt32 {
        guard program != nil else { fatalError("topic_load before topic_init") }
        var next = records
        var index: UInt32 = 0
        while index < count {
            output.begin(index)
            let record = Write(next, outputBytes: 0)
            do throws(Reject) {
                try program?.load(record)
            } catch {
                output.reject(error)
                return index
            }
            next += record.size
            index &+= 1
        }
        return index
    }
}

// Safe: a module has one thread. Set once, by `main`, before anything reads it.
nonisolated(unsafe) var runner: AnyRunner?

@_extern(c, "topic_in") func topicIn() -> UnsafeMutableRawPointer
@_extern(c, "topic_out") func topicOut() -> UnsafeMutableRawPointer

extension Program {
    public static func main() {
        runner = Runner<Self>()
    }
}

/// `topic_init` calls it behind `main`: 0, or the size of the one frame that refuses to start.
@_cdecl("topic_start") public func topicStart(_ argumentBytes: UInt32) -> UInt64 {
    guard let runner else { fatalError("the module has no @main program") }
    var output = Output(topicOut(), FrameLimits.output)
    let count = Int(truncatingIfNeeded: argumentBytes)
    return runner.start(topicIn(), count, &output) ? 0 : UInt64(output.length)
}

@_expose(wasm, "topic_batch") @_cdecl("topic_batch")
public func topicBatch(_ writes: UnsafeRawPointer, _ count: UInt32) -> UInt64 {
    guard let runner else { fatalError("topic_batch before topic_init") }
    var output = Output(topicOut(), FrameLimits.output)
    let consumed = runner.run(writes, count, &output)
    return UInt64(consumed) << 32 | UInt64(output.length)
}

/// The high half says how many records were taken in; the low half is 0, or the size of the one
/// frame that refuses the upgrade.
@_expose(wasm, "topic_load") @_cdecl("topic_load")
public func topicLoad(_ records: UnsafeRawPointer, _ count: UInt32) -> UInt64 {
    guard let runner else { fatalError("topic_load before topic_init") }
    var output = Output(topicOut(), FrameLimits.output)
    let consumed = runner.load(records, count, &output)
    return UInt64(consumed) << 32 | UInt64(output.length)
}

#else

extension Program {
    /// Natively a program only runs in tests; started by itself it has nothing to do.
    public static func main() {}
}

#endif
