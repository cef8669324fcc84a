import ThalwegModel

// A topic's program from its deployment on.
extension TopicState {
    /// Puts a program into the topic. Throws the reason why it was refused; then all is as before.
    mutating func deploy(
        _ deployment: ProgramDeployment, time: Int64, _ programs: (any TopicPrograms)?
    ) throws(ThalwegError) {
        guard isStream else {
            throw ThalwegError(
                .invalidOptions, "a topic with a window cannot have a program",
                advice: "create a topic whose writes are every")
        }
        guard let programs else { throw TopicState.withoutPrograms }
        let running = try programs.deploy(
            deployment.module, arguments: deployment.arguments, accepts: outputCheck())
        if deployment.loadsRecords { try load(running) }
        program = DeployedProgram(deployment: deployment, deployedAt: time, running: running)
    }

    /// The program begins anew, with the arguments that it was deployed with.
    mutating func restartProgram(_ programs: (any TopicPrograms)?) throws(ThalwegError) {
        guard let deployed = program else { return }
        guard let programs else { throw TopicState.withoutPrograms }
        let running = try programs.deploy(
            deployed.deployment.module, arguments: deployed.deployment.arguments,
            accepts: outputCheck())
        program = DeployedProgram(
            deployment: deployed.deployment, deployedAt: deployed.deployedAt, running: running,
            lines: deployed.lines)
    }

    private func load(_ running: any TopicProgram) throws(ThalwegError) {
        var slots: [UInt32] = []
        table.walk(after: 0) { offset, slot in
            if table.record(slot).isLast(offset), table.record(slot).isLive { slots.append(slot) }
            return true
        }
        slots.sort {
            KeyOrder.isBefore(
                table.shape.key(table.record($0)), table.shape.key(table.record($1)),
                table.shape.keyKind)
        }
        for slot in slots {
            let record = table.record(slot)
            try running.append(
                ProgramWrite(
                    .put, offset: 0, time: Timestamp(microseconds: appliedTime),
                    key: plain(table.shape.key(record)), value: table.shape.row(record)))
        }
        try running.loadRecords()
        running.removeAll()
    }

    static var withoutPrograms: ThalwegError {
        ThalwegError(
            .programEngineMissing, "this server runs no programs",
            advice: "install the program engine, see docs/programs.md")
    }

    mutating func noteLines(_ running: any TopicProgram) {
        let lines = running.takeLines()
        guard !lines.isEmpty else { return }
        program?.lines.append(contentsOf: lines)
        let surplus = (program?.lines.count ?? 0) - DeployedProgram.keptLines
        if surplus > 0 { program?.lines.removeFirst(surplus) }
    }
}
