package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The official JSON Schema Test Suite, as google/jsonschema-go ships it in its module.

type suiteGroup struct {
	Description string
	Schema      json.RawMessage
	Tests       []struct {
		Description string
		Data        json.RawMessage
		Valid       bool
	}
}

func suiteDir(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/google/jsonschema-go").Output()
	dir := filepath.Join(strings.TrimSpace(string(out)), "jsonschema", "testdata")
	if _, statErr := os.Stat(dir); err != nil || statErr != nil {
		t.Skipf("the module github.com/google/jsonschema-go is not in the module cache: %v %v",
			err, statErr)
	}
	return dir
}

// remotes gives the suite's other documents to santhosh; Compile never sees them.
type remotes string

func (dir remotes) Load(url string) (any, error) {
	path, ok := strings.CutPrefix(url, "http://localhost:1234/")
	if !ok {
		return nil, fmt.Errorf("%s is not of the suite", url)
	}
	raw, err := os.ReadFile(filepath.Join(string(dir), path))
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if m, ok := doc.(map[string]any); ok && strings.HasPrefix(path, "draft7/") {
		m["$schema"] = "http://json-schema.org/draft-07/schema#"
	}
	return doc, err
}

// tally is how the schemas of the suite were checked.
type tally struct{ fast, slow, refused, tests int }

func TestOfficialSuite(t *testing.T) {
	n := playSuite(t, "draft2020-12", "")
	if n.fast < 150 || n.tests < 1099 {
		t.Error("the suite is not what it was, or the fast way is hardly taken")
	}
}

// Older clients' tools come with schemas of draft 7, which say so.
func TestOfficialSuiteOfDraft7(t *testing.T) {
	n := playSuite(t, "draft7", `{"$schema":"http://json-schema.org/draft-07/schema#",`)
	if n.fast < 100 || n.tests < 700 {
		t.Error("the suite is not what it was, or the fast way is hardly taken")
	}
}

// playSuite runs the suite of a draft; head begins each schema that does not name its dialect.
func playSuite(t *testing.T, draft, head string) (n tally) {
	dir := suiteDir(t)
	files, err := filepath.Glob(filepath.Join(dir, draft, "*.json"))
	if err != nil || len(files) < 30 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var groups []suiteGroup
		if err := json.Unmarshal(raw, &groups); err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			if head != "" && g.Schema[0] == '{' && !bytes.Contains(g.Schema, []byte("$schema")) {
				g.Schema = append([]byte(head), g.Schema[1:]...)
				g.Schema = bytes.Replace(g.Schema, []byte(",}"), []byte("}"), 1) // of {}
			}
			t.Run(filepath.Base(file)+"/"+g.Description, func(t *testing.T) {
				n.group(t, g, remotes(filepath.Join(dir, "remotes")))
			})
		}
	}
	t.Logf("%d schemas fast, %d slow, %d refused for another document, %d tests",
		n.fast, n.slow, n.refused, n.tests)
	return n
}

func (n *tally) group(t *testing.T, g suiteGroup, loader remotes) {
	doc, err := decode(g.Schema, schemaValuesMax)
	if err != nil {
		t.Fatal(err)
	}
	general, err := compileSlow(doc, loader)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Compile(g.Schema)
	switch {
	case err != nil && (strings.Contains(err.Error(), "none is ever fetched") ||
		strings.Contains(err.Error(), "its $schema is")):
		n.refused++
	case err != nil:
		t.Fatal(err)
	case c.Slow() != "":
		n.slow++
	default:
		n.fast++
	}
	for _, test := range g.Tests {
		n.tests++
		if err := general.check(test.Data, false); (err == nil) != test.Valid {
			t.Errorf("%s: santhosh says %v, want valid %v", test.Description, err, test.Valid)
		}
		if c == nil {
			continue
		}
		if err := c.Check(test.Data); (err == nil) != test.Valid {
			t.Errorf("%s: %v, want valid %v (slow: %q)", test.Description, err, test.Valid,
				c.Slow())
		}
		err := c.CheckMembers(test.Data, listed(t, string(test.Data)))
		if (err == nil) != test.Valid {
			t.Errorf("%s: listed: %v, want valid %v", test.Description, err, test.Valid)
		}
	}
}
