// The client with `@Record`. A target of its own, because the macro needs swift-syntax, which takes
// minutes to compile: whoever uses the client without the macro, the command among them, does not
// pay for it. `import ThalwegRecords` brings the client too.
@_exported public import ThalwegClient
