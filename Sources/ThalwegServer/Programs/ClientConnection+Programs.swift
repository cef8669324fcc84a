import NIOCore
import NIOPosix
import ThalwegEngine
import ThalwegModel
import ThalwegPrograms
import ThalwegWire

// Programs: a module is checked and compiled on a thread of its own, and only then logged; from
// there every node deploys it at the same place of the topic's order.
extension ClientConnection {
    func deployProgram(_ request: DeployProgram, _ requestID: UInt32) {
        guard request.module.count <= ProgramLimits.moduleBytes else {
            return refuse(
                .exceeded(
                    .programTooLarge, "the module's size in bytes", value: request.module.count,
                    limit: ProgramLimits.moduleBytes,
                    advice: "build it with optimisation and without debugging sections"),
                requestID)
        }
        onTopic(request.topic, requestID) { [self] topic in
            let library = node.programs
            NIOThreadPool.singleton.submit { [self] state in
                guard case .active = state else { return }
                do throws(ThalwegError) {
                    try library.prepare(request.module)
                } catch {
                    return refuse(error, requestID)
                }
                append(request, to: topic, requestID)
            }
        }
    }

    private func append(_ request: DeployProgram, to topic: TopicID, _ requestID: UInt32) {
        let deployment = ProgramDeployment(
            name: request.name, loadsRecords: request.loadsRecords,
            arguments: request.arguments, module: request.module)
        onPartition(topic) { [self] partition in
            partition.changeProgram(topic, deployment) { [self] error in
                if let error { return refuse(error, requestID) }
                answer(ProgramList(programs(partition, [topic])), requestID)
            }
        }
    }

    func removeProgram(_ name: String, _ requestID: UInt32) {
        onTopic(name, requestID) { [self] topic in
            onPartition(topic) { [self] partition in
                partition.changeProgram(topic, nil) { [self] error in
                    if let error { return refuse(error, requestID) }
                    answer(Okay(), requestID)
                }
            }
        }
    }

    func describePrograms(_ name: String?, _ requestID: UInt32) {
        guard let name else {
            return collectPrograms(node.loops[...], [], requestID)
        }
        onTopic(name, requestID) { [self] topic in
            onPartition(topic) { [self] partition in
                answer(ProgramList(programs(partition, [topic])), requestID)
            }
        }
    }

    private func collectPrograms(
        _ rest: ArraySlice<PartitionLoop>, _ found: [ProgramInfo], _ requestID: UInt32
    ) {
        guard let next = rest.first else {
            return answer(ProgramList(found.sorted { $0.topic < $1.topic }), requestID)
        }
        next.loop.execute { [self] in
            collectPrograms(
                rest.dropFirst(), found + programs(next, next.partition.topicIDs), requestID)
        }
    }

    private func programs(_ partition: PartitionLoop, _ topics: [TopicID]) -> [ProgramInfo] {
        topics.compactMap { topic in
            // A topic that was dropped meanwhile runs nothing.
            guard let reading = try? partition.partition.program(topic),
                let definition = try? partition.partition.describe(topic).definition
            else { return nil }
            return ProgramInfo(
                topic: definition.name, name: reading.deployment.name, hash: reading.hash,
                moduleBytes: UInt32(reading.deployment.module.count),
                deployedAt: reading.deployedAt, writes: reading.figures.writes,
                rejected: reading.figures.rejected, failed: reading.figures.failed,
                memoryBytes: UInt64(reading.figures.memoryBytes),
                isFaulting: reading.figures.isFaulting, stateHash: reading.stateHash,
                lines: reading.lines)
        }
    }

    func onTopic(
        _ name: String, _ requestID: UInt32, _ body: @escaping @Sendable (TopicID) -> Void
    ) {
        onCatalog { [self] catalog in
            do throws(ThalwegError) {
                body(try catalog.catalog.topic(named: name).id)
            } catch {
                refuse(error, requestID)
            }
        }
    }
}
