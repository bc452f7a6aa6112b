package subschema

// Each calls visit with every subschema of doc that is an object, doc itself first. doc is a
// schema decoded from JSON into maps and lists, of any draft.
func Each(doc any, visit func(map[string]any)) {
	m, ok := doc.(map[string]any)
	if !ok {
		return
	}
	visit(m)
	for word, v := range m {
		switch holders[word] {
		case holdsOne:
			if list, ok := v.([]any); ok { // items of older drafts
				for _, e := range list {
					Each(e, visit)
				}
			} else {
				Each(v, visit)
			}
		case holdsNamed:
			named, _ := v.(map[string]any)
			for _, e := range named {
				Each(e, visit)
			}
		}
	}
}

type holder uint8

const (
	holdsNone  holder = iota
	holdsOne          // a schema, or a list of schemas
	holdsNamed        // an object whose members are schemas
)

// holders are the keywords that hold subschemas.
var holders = map[string]holder{
	"additionalProperties": holdsOne, "propertyNames": holdsOne, "contains": holdsOne,
	"items": holdsOne, "additionalItems": holdsOne, "prefixItems": holdsOne,
	"unevaluatedItems": holdsOne, "unevaluatedProperties": holdsOne, "contentSchema": holdsOne,
	"allOf": holdsOne, "anyOf": holdsOne, "oneOf": holdsOne, "not": holdsOne, "if": holdsOne,
	"then": holdsOne, "else": holdsOne, "properties": holdsNamed, "patternProperties": holdsNamed,
	"dependentSchemas": holdsNamed, "dependencies": holdsNamed, "$defs": holdsNamed,
	"definitions": holdsNamed,
}
