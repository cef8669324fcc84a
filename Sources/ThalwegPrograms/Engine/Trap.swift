/// How a call into a program ended early.
struct Trap: Error {
    let fault: ProgramFault
    /// For people; it names functions where the module does.
    let text: String
}
