(function () {
  "use strict";
  var links = Array.prototype.slice.call(document.querySelectorAll(".toc a"));
  var byId = {};
  links.forEach(function (a) { byId[a.getAttribute("href").slice(1)] = a; });
  if ("IntersectionObserver" in window) {
    var seen = {};
    var watch = new IntersectionObserver(function (entries) {
      entries.forEach(function (e) { seen[e.target.id] = e.isIntersecting; });
      var current = Object.keys(byId).filter(function (id) { return seen[id]; })[0];
      if (!current) return;
      links.forEach(function (a) { a.removeAttribute("aria-current"); });
      byId[current].setAttribute("aria-current", "true");
      var list = byId[current].closest("ol");
      if (list.scrollWidth > list.clientWidth) {
        list.scrollLeft = byId[current].offsetLeft - list.offsetLeft - 24;
      }
    }, { rootMargin: "-15% 0px -70% 0px" });
    Object.keys(byId).forEach(function (id) {
      var section = document.getElementById(id);
      if (section) watch.observe(section);
    });
  }
  function open() {
    var target = document.getElementById(location.hash.slice(1));
    for (var node = target; node; node = node.parentElement) {
      if (node.tagName === "DETAILS") node.open = true;
    }
  }
  window.addEventListener("hashchange", open);
  open();
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (d) { d.open = true; });
  });
})();
