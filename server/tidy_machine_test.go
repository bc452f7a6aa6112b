package server_test

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// fileBytesMax keeps results and bundles out of the repository's history.
const fileBytesMax = 1 << 20

// personal is a path that only exists on somebody's machine, or a registry that only some can
// reach: a reader's own settings decide where packages come from.
var personal = regexp.MustCompile(`(^|[^\w./-])/(home|Users|root)/[A-Za-z.]|` +
	`\b(registry\.npm` + `js\.org|(proxy|sum)\.go` + `lang\.org|go` + `proxy\.(io|cn))\b`)

// findMachine finds traces of the machine on which a file was written.
func findMachine(tr *tree) []finding {
	here := machineWords(tr.root)
	var found []finding
	for _, f := range tr.files {
		if isBinary(f.data) {
			continue
		}
		for i, line := range f.lines() {
			word := personal.FindString(line)
			for _, w := range here {
				if strings.Contains(line, w) {
					word = w
				}
			}
			if word != "" {
				text := fmt.Sprintf("names this machine or a registry: %q", strings.TrimSpace(word))
				found = append(found, finding{f.path, i + 1, text})
			}
		}
	}
	return sorted(found)
}

// machineWords returns what names the machine at hand: the checkout's folder and the hosts
// that packages come from here.
func machineWords(root string) []string {
	var words []string
	if strings.Count(root, string(filepath.Separator)) > 1 {
		words = append(words, root)
	}
	for _, name := range []string{"GOPROXY", "npm_config_registry", "PIP_INDEX_URL"} {
		for part := range strings.FieldsFuncSeq(os.Getenv(name), isListSeparator) {
			u, err := url.Parse(part)
			if err == nil && strings.Contains(u.Hostname(), ".") {
				words = append(words, u.Hostname())
			}
		}
	}
	return words
}

func isListSeparator(r rune) bool { return strings.ContainsRune(",| ", r) }

// findBinaries finds tracked files that nobody can review: what a build makes, and what is
// larger than a text has a reason to be. Pictures of the docs, fuzz seeds and the profile that
// builds are optimised with (make pgo) are welcome.
func findBinaries(tr *tree) []finding {
	pictures := []string{".png", ".jpg", ".gif", ".ico", ".woff2", ".pgo"}
	var found []finding
	for _, f := range tr.files {
		if n := len(f.data); n > fileBytesMax {
			text := fmt.Sprintf("%d bytes; %d is the limit", n, fileBytesMax)
			found = append(found, finding{f.path, 0, text})
		}
		welcome := inTestdata(f.path) || slices.Contains(pictures, path.Ext(f.path))
		if isBinary(f.data) && !welcome {
			found = append(found, finding{f.path, 0, "is a binary file; let the build make it"})
		}
	}
	return sorted(found)
}
