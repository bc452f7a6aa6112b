package server

// listKind is a list whose changes clients can be told of.
type listKind uint8

const (
	listTools listKind = iota
	listPrompts
	listResources
)

// listChanged tells every listener that a list has changed. Safe for concurrent use.
func (s *Server) listChanged(kind listKind) {
	if kind == listTools {
		s.toolsChanged()
	}
}
