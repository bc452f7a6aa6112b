package report

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// listen is in front of all scripts of the page and keeps what goes wrong in them.
const listen = `<script>
window.faults = [];
addEventListener("error", e => faults.push(String(e.message)));
addEventListener("securitypolicyviolation", e => faults.push("wanted " + e.blockedURI));
console.error = console.warn = (...a) => faults.push(a.join(" "));
</script>`

// look is behind them and tells what the page came to: for each plot how many points of its
// canvas are painted, apart from axes and grid, and what is written beside it.
const look = `<pre id="seen"></pre><script>
const ink = c => {
  const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
  let lit = 0;
  for (let i = 0; i < d.length; i += 4) {
    const grey = Math.max(d[i], d[i+1], d[i+2]) - Math.min(d[i], d[i+1], d[i+2]) < 40;
    if (d[i+3] > 100 && !grey) lit++;
  }
  return lit;
};
addEventListener("load", () => setTimeout(() => {
  const cells = [...document.querySelectorAll("td, th, dd, figcaption")];
  document.getElementById("seen").textContent = JSON.stringify({
    faults, width: innerWidth, needs: document.documentElement.scrollWidth,
    paper: getComputedStyle(document.body).backgroundColor,
    plots: [...document.querySelectorAll(".plot")].map(p => ({
      kind: p.dataset.kind, hidden: p.closest("figure").hidden,
      ink: Math.max(0, ...[...p.querySelectorAll("canvas")].map(ink)),
      wide: p.scrollWidth > p.clientWidth + 1,
    })),
    empty: cells.filter(c => c.closest("table") === null && !c.textContent.trim()).length,
    odd: cells.filter(c => /NaN|undefined|Infinity|\[object/.test(c.textContent)).length,
  });
}, 200));
</script>`

// seen is what look tells.
type seen struct {
	Faults []string `json:"faults"`
	Width  int      `json:"width"`
	Needs  int      `json:"needs"`
	Paper  string   `json:"paper"`
	Plots  []struct {
		Kind   string `json:"kind"`
		Hidden bool   `json:"hidden"`
		Ink    int    `json:"ink"`
		Wide   bool   `json:"wide"`
	} `json:"plots"`
	Empty int `json:"empty"`
	Odd   int `json:"odd"`
}

// chromium returns the command of a Chromium; the test is skipped where there is none.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium on this machine: apt-get install chromium")
	return ""
}

// visit shows the page to a Chromium with a window so wide and returns what was seen.
func visit(t *testing.T, browser, page string, width int, flags ...string) seen {
	t.Helper()
	name := filepath.Join(t.TempDir(), "page.html")
	page = strings.Replace(page, "<head>", "<head>"+listen, 1)
	page = strings.Replace(page, "</body>", look+"</body>", 1)
	if err := os.WriteFile(name, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + t.TempDir(),
		fmt.Sprintf("--window-size=%d,1000", width), "--virtual-time-budget=5000", "--dump-dom",
	}, flags...)
	u := url.URL{Scheme: "file", Path: name}
	out, err := exec.CommandContext(ctx, browser, append(args, u.String())...).Output()
	if err != nil {
		t.Fatalf("Chromium did not show the page: %v", err)
	}
	_, rest, _ := strings.Cut(string(out), `<pre id="seen">`)
	text, _, _ := strings.Cut(rest, "</pre>")
	var s seen
	if err := json.Unmarshal([]byte(html.UnescapeString(text)), &s); err != nil {
		t.Fatalf("got %q from the page: %v", text, err)
	}
	return s
}

func TestPageInChromium(t *testing.T) {
	browser := chromium(t)
	whole := render(t, ladder(), peers())
	const dark = "--blink-settings=preferredColorScheme=0"
	for _, c := range []struct {
		name  string
		width int
		flag  string
		paper string
	}{
		{"screen", 1200, "--lang=en", "rgb(255, 255, 255)"},
		{"dark", 1000, dark, "rgb(16, 22, 29)"},
		{"phone", 500, "--lang=en", "rgb(255, 255, 255)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := visit(t, browser, whole, c.width, c.flag)
			if len(s.Faults) > 0 {
				t.Errorf("the page complains: %q", s.Faults)
			}
			if s.Needs > s.Width || s.Width > c.width {
				t.Errorf("the page is %d wide in a window of %d", s.Needs, s.Width)
			}
			if s.Paper != c.paper {
				t.Errorf("got paper %s, want %s", s.Paper, c.paper)
			}
			if s.Empty > 0 || s.Odd > 0 {
				t.Errorf("got %d empty cells, %d that are no text", s.Empty, s.Odd)
			}
			// Two of the steps, five over time, two of the case.
			if len(s.Plots) != 9 {
				t.Errorf("got %d plots, want 9", len(s.Plots))
			}
			for _, p := range s.Plots {
				if p.Hidden || p.Wide || p.Ink < 300 {
					t.Errorf("plot %q: got %+v, want it drawn within its place", p.Kind, p)
				}
			}
		})
	}
}

func TestPageOfLittleInChromium(t *testing.T) {
	browser := chromium(t)
	f := ladder()
	f.Steps = f.Steps[:1]
	// A server elsewhere: no CPU, no memory.
	for i := range f.Steps[0].Load.Timeline {
		s := &f.Steps[0].Load.Timeline[i]
		s.RSS, s.CPU = 0, 0
	}
	f.Steps[0].Name = evil
	s := visit(t, browser, render(t, f), 800)
	if len(s.Faults) > 0 {
		t.Errorf("the page complains: %q", s.Faults)
	}
	for _, p := range s.Plots {
		unknown := p.Kind == "cpu" || p.Kind == "rss"
		if p.Hidden != unknown || !unknown && p.Ink < 300 {
			t.Errorf("plot %q: got %+v, want those of the server alone hidden", p.Kind, p)
		}
	}
}
