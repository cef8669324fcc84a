extension ThalwegClient {
    /// Puts a program into a topic that keeps every write, or another one in its place.
    ///
    /// Throws `invalid_program` for a module that cannot be one, `program_init_failed` where its
    /// initialiser refuses the arguments, `program_engine_missing` where the server runs none; then
    /// everything is as before.
    ///
    /// - Parameters:
    ///   - name: what people call it.
    ///   - arguments: for its initialiser.
    ///   - loadsRecords: it is given the topic's records before its first write.
    @discardableResult
    public func deployProgram(
        _ module: [UInt8],
        to topic: String,
        name: String,
        arguments: [UInt8] = [],
        loadsRecords: Bool = false
    ) async throws(ThalwegError) -> ProgramInfo {
        let answer = try await ask(
            DeployProgram(
                topic: topic, name: name, loadsRecords: loadsRecords, arguments: arguments,
                module: module),
            expecting: .programList,
            kind: .once
        )
        guard let info = try answer.decode(ProgramList.self).programs.first else {
            throw ThalwegError(.invalidFrame, "a deployment was answered without a program")
        }
        return info
    }

    /// Takes a topic's program away; its records stay.
    public func removeProgram(from topic: String) async throws(ThalwegError) {
        _ = try await ask(RemoveProgram(topic), expecting: .okay, kind: .once)
    }

    /// The programs that run, of one topic or of all.
    public func programs(of topic: String? = nil) async throws(ThalwegError) -> [ProgramInfo] {
        let answer = try await ask(
            DescribePrograms(topic), expecting: .programList, kind: .repeatable)
        return try answer.decode(ProgramList.self).programs
    }
}
