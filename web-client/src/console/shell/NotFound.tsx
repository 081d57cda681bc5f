import { ButtonLink } from "../../components/Button";
import { Page } from "../../components/Page";
import { Empty } from "../../components/states";

export function NotFound() {
  return (
    <Page title="Nothing here">
      <div className="card">
        <Empty icon="search" title="This page does not exist" action={<ButtonLink to="/">To the overview</ButtonLink>}>
          <p>The address may be old or mistyped, or what it named has been deleted.</p>
        </Empty>
      </div>
    </Page>
  );
}
