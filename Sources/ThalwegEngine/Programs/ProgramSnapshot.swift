import ThalwegModel

/// A topic's program in a snapshot: `i64 deployed at | u64 inputs | deployment | array image`.
struct ProgramSnapshot {
    let deployment: ProgramDeployment
    let deployedAt: Int64
    /// Writes that it was given so far.
    let inputs: UInt64
    let image: [UInt8]

    init(deployment: ProgramDeployment, deployedAt: Int64, inputs: UInt64, image: [UInt8]) {
        self.deployment = deployment
        self.deployedAt = deployedAt
        self.inputs = inputs
        self.image = image
    }

    init(from reader: inout ByteReader) throws(ThalwegError) {
        deployedAt = try reader.integer()
        inputs = try reader.integer()
        deployment = try ProgramDeployment(from: &reader)
        image = try reader.byteArray()
    }

    func encode(into writer: inout ByteWriter) {
        writer.integer(deployedAt)
        writer.integer(inputs)
        deployment.encode(into: &writer)
        writer.byteArray(image)
    }
}

extension TopicState {
    /// Goes on where a snapshot was taken. Throws where the program cannot run here.
    mutating func restore(
        _ snapshot: ProgramSnapshot, _ programs: (any TopicPrograms)?
    ) throws(ThalwegError) {
        guard let programs else { throw TopicState.withoutPrograms }
        let running = try programs.restore(
            snapshot.deployment.module, image: snapshot.image, accepts: outputCheck())
        inputs = snapshot.inputs
        program = DeployedProgram(
            deployment: snapshot.deployment, deployedAt: snapshot.deployedAt, running: running)
    }
}
