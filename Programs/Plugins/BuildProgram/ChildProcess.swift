import Foundation

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Another program, started and waited for. Foundation's `Process` is not used: where there is no
/// loopback interface, as in some containers, its wait never returns.
enum ChildProcess {
    /// Runs a program to its end and gives its exit status; 128 and the signal's number where one
    /// ended it. What it prints goes where this process prints.
    static func run(_ program: URL, _ arguments: [String]) throws -> Int32 {
        try wait(for: start(program, arguments, standardOutput: nil))
    }

    /// Runs a program to its end and gives what it printed.
    static func output(of program: URL, _ arguments: [String]) throws -> (status: Int32, Data) {
        let pipe = Pipe()
        let child = try start(
            program, arguments,
            standardOutput: pipe.fileHandleForWriting.fileDescriptor)
        try pipe.fileHandleForWriting.close()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        return (try wait(for: child), data)
    }

    private static func start(
        _ program: URL, _ arguments: [String], standardOutput: Int32?
    ) throws -> pid_t {
        #if canImport(Glibc)
        var actions = posix_spawn_file_actions_t()
        #else
        var actions: posix_spawn_file_actions_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let standardOutput {
            posix_spawn_file_actions_adddup2(&actions, standardOutput, 1)
        }
        let environment = ProcessInfo.processInfo.environment.map { "\($0)=\($1)" }
        var child: pid_t = 0
        let code = withCStrings([program.path] + arguments) { arguments in
            withCStrings(environment) { environment in
                posix_spawn(&child, program.path, &actions, nil, arguments, environment)
            }
        }
        guard code == 0 else {
            throw BuildFailure("\(program.path) cannot be run: \(String(cString: strerror(code)))")
        }
        return child
    }

    private static func wait(for child: pid_t) throws -> Int32 {
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0 {
            guard errno == EINTR else {
                throw BuildFailure("waiting for a tool: \(String(cString: strerror(errno)))")
            }
        }
        // As wait(2) lays it out: the low seven bits are the signal, the next byte the status.
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F)
    }

    /// Lends a null-terminated list of C strings.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        // Safe: the copies live until `body` has returned.
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}
