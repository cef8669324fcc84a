// What a user of the client touches (keys, errors, definitions, acknowledgements) is declared in
// the model and the wire format; `import ThalwegClient` brings both.
@_exported public import ThalwegModel
@_exported public import ThalwegWire
