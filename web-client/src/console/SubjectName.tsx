import { Link } from "react-router";
import { useSubjectName } from "./names";
import { useMay } from "./session";

/** A subject by the tenant's own id, linked to its page for those who may see it. */
export function SubjectName({ id }: { id: string | undefined }) {
  const may = useMay();
  const name = useSubjectName(id);
  if (id === undefined || name === undefined) return <span className="faint">nobody</span>;
  if (!may("subjects:read")) return <span className="clip">{name}</span>;
  return (
    <Link to={`/subjects/${id}`} className="above clip">
      {name}
    </Link>
  );
}
