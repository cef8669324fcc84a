import NIOCore
import ThalwegEngine
import ThalwegModel

extension PartitionLoop {
    /// Logs the deployment of a program, or with `nil` its removal, and calls back when it is
    /// applied: with the reason where it came to nothing.
    func changeProgram(
        _ topic: TopicID, _ deployment: ProgramDeployment?,
        _ done: @escaping (ThalwegError?) -> Void
    ) {
        loop.assertInEventLoop()
        do throws(ThalwegError) {
            if let refusal { throw refusal }
            guard try partition.describe(topic).definition.options.writes == .every else {
                throw ThalwegError(
                    .invalidOptions, "a topic with a window cannot have a program",
                    advice: "create a topic whose writes are every")
            }
            if deployment == nil, try partition.program(topic) == nil {
                throw ThalwegError(.notSupported, "the topic has no program")
            }
            let entry =
                deployment?.entry(topic, time: .now)
                ?? ProgramDeployment.removal(topic, time: .now)
            guard entry.count <= partition.limits.entryBytes else {
                throw .exceeded(
                    .programTooLarge, "the size in bytes of one entry of the log",
                    value: entry.count, limit: partition.limits.entryBytes,
                    advice: "deploy a smaller module, or raise 'log.maximumEntryBytes'")
            }
            // What is queued goes to the program that is there now.
            seal(topic)
            programChanges[topic, default: []].append(done)
            append(entry, topic)
        } catch {
            done(error)
        }
    }

    /// A deployment or removal was applied.
    func programChanged(_ applied: Partition.Applied) {
        guard programChanges[applied.topic]?.isEmpty == false,
            let done = programChanges[applied.topic]?.removeFirst()
        else { return }
        if programChanges[applied.topic]?.isEmpty == true { programChanges[applied.topic] = nil }
        done(applied.refusal)
    }
}
